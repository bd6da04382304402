const BATCH_FILES = 200;
const BATCH_BYTES = 64 * 1024 * 1024;

/** Parts of at most 200 files or 64 MiB (a larger file goes alone). Pure. */
export function batches<F extends { size: number }>(files: readonly F[], maxFiles = BATCH_FILES, maxBytes = BATCH_BYTES): F[][] {
  const parts: F[][] = [];
  let size = 0;
  for (const file of files) {
    const last = parts.at(-1);
    if (!last || last.length >= maxFiles || size + file.size > maxBytes) {
      parts.push([file]);
      size = file.size;
    } else {
      last.push(file);
      size += file.size;
    }
  }
  return parts;
}
