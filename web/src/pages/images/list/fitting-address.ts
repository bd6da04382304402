/** Chosen images in an address, as far as they fit. Pure. */

/** The server reads addresses of 4,094 characters. */
const ADDRESS_CHARS = 3500;

/** As many of the ids as fit into an address. */
export function fittingAddress(ids: readonly number[]): number[] {
  let chars = 0;
  const end = ids.findIndex((id) => (chars += String(id).length + 3) > ADDRESS_CHARS);
  return end < 0 ? [...ids] : ids.slice(0, end);
}
