/** What was saved in this sitting, newest last: to undo it, and to copy from it. Pure. */

export interface Done {
  client_id: string;
  image_id: number;
  slot: number;
  dataset_id: string;
  text: string | null;
  /** The text before; null: there was none. */
  before: string | null;
  /** The revision that was saved; null while it is on its way. */
  revision: number | null;
}

const KEPT = 200;

export const noted = (sitting: readonly Done[], done: Done): Done[] => [...sitting.slice(1 - KEPT), done];

/** After a save has its revision. */
export const settledAs = (sitting: readonly Done[], clientId: string, revision: number): Done[] =>
  sitting.map((done) => (done.client_id === clientId ? { ...done, revision } : done));

/** After a save was given up: there is nothing to undo. */
export const forgotten = (sitting: readonly Done[], clientId: string): Done[] => sitting.filter((done) => done.client_id !== clientId);

/** After a conflict was decided for one's own text: it is sent again on top of the other one. */
export const sentAgain = (sitting: readonly Done[], clientId: string, change: Pick<Done, "client_id" | "text" | "before">): Done[] =>
  sitting.map((done) => (done.client_id === clientId ? { ...done, ...change } : done));

/** The text to copy onto an image: the last one of this sitting that stands at another caption of the dataset. */
export function lastText(sitting: readonly Done[], dataset: string, image: number, slot: number): string | null {
  const other = (done: Done) => done.dataset_id === dataset && done.text !== null && (done.image_id !== image || done.slot !== slot);
  return sitting.findLast(other)?.text ?? null;
}
