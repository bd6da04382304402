/** What was saved since the page was loaded, newest last: to undo it, and to copy from it. Pure. */

export interface PastSave {
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

export const withSave = (history: readonly PastSave[], save: PastSave): PastSave[] => [...history.slice(1 - KEPT), save];

/** After a save has its revision. */
export const withRevision = (history: readonly PastSave[], clientId: string, revision: number): PastSave[] =>
  history.map((save) => (save.client_id === clientId ? { ...save, revision } : save));

/** After a save was given up: there is nothing to undo. */
export const withoutSave = (history: readonly PastSave[], clientId: string): PastSave[] => history.filter((save) => save.client_id !== clientId);

/** After a conflict was decided for one's own text: it is sent again on top of the other one. */
export const withResent = (history: readonly PastSave[], clientId: string, change: Pick<PastSave, "client_id" | "text" | "before">): PastSave[] =>
  history.map((save) => (save.client_id === clientId ? { ...save, ...change } : save));

/** The text to copy onto an image: the last saved one that stands at another caption of the dataset. */
export function lastText(history: readonly PastSave[], dataset: string, image: number, slot: number): string | null {
  const isOther = (save: PastSave) => save.dataset_id === dataset && save.text !== null && (save.image_id !== image || save.slot !== slot);
  return history.findLast(isOther)?.text ?? null;
}
