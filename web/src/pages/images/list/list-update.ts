/** How a list that is on the screen takes over a newer one without jumping. Pure. */

export interface ListUpdate {
  ids: number[];
  /** How many came between or went away, and are not shown yet. */
  waiting: number;
}

/**
 * Images that were added behind the last one shown are taken over at once, since nothing moves. What
 * came between or no longer fits waits, so that nothing jumps under somebody's hand.
 */
export function updatedList(shown: readonly number[], newest: readonly number[]): ListUpdate {
  const last = shown.at(-1);
  if (last === undefined) return { ids: [...newest], waiting: 0 };
  const before = new Set(shown);
  const fresh = newest.filter((id) => !before.has(id));
  const now = new Set(newest);
  const gone = shown.filter((id) => !now.has(id)).length;
  const behind = fresh.filter((id) => id > last);
  return { ids: behind.length === 0 ? (shown as number[]) : [...shown, ...behind], waiting: gone + fresh.length - behind.length };
}

/** The parts of the list whose records are to be fetched: whole parts of `size` that hold one of from..to. */
export function partsOf(ids: readonly number[], from: number, to: number, size: number): number[][] {
  const first = Math.max(0, Math.floor(from / size));
  const last = Math.ceil(Math.min(to, ids.length) / size);
  return Array.from({ length: Math.max(0, last - first) }, (_, part) => ids.slice((first + part) * size, (first + part + 1) * size));
}
