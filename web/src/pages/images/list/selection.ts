/** Which images are chosen. Pure; images are known by their ids, so that a list that changes keeps them. */

export interface Selection {
  chosen: ReadonlySet<number>;
  /** Where a range begins. */
  anchor: number | null;
}

export const NONE: Selection = { chosen: new Set(), anchor: null };

export const only = (id: number): Selection => ({ chosen: new Set([id]), anchor: id });

export const everything = (ids: readonly number[]): Selection => ({ chosen: new Set(ids), anchor: ids[0] ?? null });

/** One more or one less. */
export function toggled({ chosen }: Selection, id: number): Selection {
  const next = new Set(chosen);
  if (!next.delete(id)) next.add(id);
  return { chosen: next, anchor: id };
}

/** From the anchor to `id`; `adding` keeps what was chosen before. */
export function extended(selection: Selection, id: number, ids: readonly number[], adding = false): Selection {
  const { chosen, anchor } = selection;
  const from = anchor === null ? -1 : ids.indexOf(anchor);
  const to = ids.indexOf(id);
  if (from < 0 || to < 0) return only(id);
  const range = ids.slice(Math.min(from, to), Math.max(from, to) + 1);
  return { chosen: new Set(adding ? [...chosen, ...range] : range), anchor };
}

/** Without what is no longer there. */
export function kept(selection: Selection, ids: readonly number[]): Selection {
  const there = new Set(ids);
  const chosen = [...selection.chosen].filter((id) => there.has(id));
  if (chosen.length === selection.chosen.size) return selection;
  return { chosen: new Set(chosen), anchor: selection.anchor !== null && there.has(selection.anchor) ? selection.anchor : null };
}

interface Held {
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
}

/** What a click means: alone it chooses one, with Ctrl or Cmd one more, with Shift a range; a finger adds. */
export function clicked(selection: Selection, id: number, ids: readonly number[], held: Held, isTouch: boolean): Selection {
  const adding = held.ctrlKey || held.metaKey;
  if (held.shiftKey) return extended(selection, id, ids, adding);
  return adding || isTouch ? toggled(selection, id) : only(id);
}

/** The chosen ids in the order of the list. */
export const inOrder = ({ chosen }: Selection, ids: readonly number[]): number[] =>
  chosen.size === 0 ? [] : ids.filter((id) => chosen.has(id));

/** Parts of at most `most`. */
export function portions<T>(all: readonly T[], most: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / most) }, (_, part) => all.slice(part * most, (part + 1) * most));
}
