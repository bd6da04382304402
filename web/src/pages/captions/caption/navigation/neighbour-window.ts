/** A window of the images that fit a filter, around one of them. Pure. */

/** Images that are asked for before and behind one. */
export const EACH_SIDE = 14;
const ENOUGH = 5;

/** Images in order, as the server told it at `anchor`. */
export interface NeighbourWindow {
  ids: readonly number[];
  anchor: number;
  /** Fitting images up to the anchor, and in all. */
  position: number;
  total: number;
}

/** Where an image stands among all that fit, from 1. */
export function positionIn({ ids, anchor, position }: NeighbourWindow, current: number): number {
  const between = (from: number, to: number) => ids.filter((id) => id > from && id <= to).length;
  return position + between(anchor, current) - between(current, anchor);
}

/** The window reaches far enough around an image, or to the ends of the list. */
export function reachesFarEnough({ ids, anchor }: NeighbourWindow, current: number, each = EACH_SIDE): boolean {
  const count = (fits: (id: number) => boolean) => ids.filter(fits).length;
  const hasStart = count((id) => id < anchor) < each;
  const hasEnd = count((id) => id > anchor) < each;
  const isInside = (ids[0] ?? anchor) <= current && current <= (ids.at(-1) ?? anchor);
  return isInside && (hasStart || count((id) => id < current) >= ENOUGH) && (hasEnd || count((id) => id > current) >= ENOUGH);
}
