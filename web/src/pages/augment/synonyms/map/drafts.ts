/** The maps as they are being edited; what is not saved yet outlives going to another page. */
import { signal } from "@preact/signals";
import { getSynonyms, putSynonyms, type StoredSynonyms } from "../../../../api/augment";
import { ApiError } from "../../../../api/http";
import { changeCount, changesOf } from "./changes";
import { entriesOf, type Entry, writeMap } from "./entries";

export interface Draft {
  /** As it was when editing began. */
  base: StoredSynonyms;
  entries: Entry[];
}

const SHARED = "";
const drafts = signal<Record<string, Draft>>({});
const nameOf = (datasetId: string | null) => datasetId ?? SHARED;

export const draftOf = (datasetId: string | null): Draft | undefined => drafts.value[nameOf(datasetId)];
export const isDirty = (draft: Draft | undefined): boolean => draft !== undefined && changeCount(changesOf(draft.base.map, draft.entries)) > 0;

function put(datasetId: string | null, draft: Draft): void {
  drafts.value = { ...drafts.value, [nameOf(datasetId)]: draft };
}

/** Fetches a map; what is edited and not saved yet stays. */
export async function loadDraft(datasetId: string | null, stop: AbortSignal): Promise<Draft> {
  const held = draftOf(datasetId);
  if (held && isDirty(held)) return held;
  const base = await getSynonyms(datasetId, stop);
  const draft = { base, entries: entriesOf(base.map) };
  put(datasetId, draft);
  return draft;
}

export function edit(datasetId: string | null, entries: Entry[]): void {
  const draft = draftOf(datasetId);
  if (draft) put(datasetId, { ...draft, entries });
}

/** Starts over from what is saved. */
export const startFrom = (datasetId: string | null, base: StoredSynonyms, entries = entriesOf(base.map)): void => put(datasetId, { base, entries });

/** Saves; resolves to what somebody else has saved meanwhile, or to null once it is done. */
export async function save(datasetId: string | null): Promise<StoredSynonyms | null> {
  const draft = draftOf(datasetId);
  if (!draft) return null;
  try {
    const saved = await putSynonyms(datasetId, writeMap(draft.entries), draft.base.version);
    const now = draftOf(datasetId);
    put(datasetId, { base: saved, entries: now && now.entries !== draft.entries ? now.entries : draft.entries });
    return null;
  } catch (thrown) {
    const current = thrown instanceof ApiError && thrown.code === "conflict" ? (thrown.details as { current?: StoredSynonyms } | undefined)?.current : undefined;
    if (current) return current;
    throw thrown;
  }
}

/** Whether anything typed would be lost with this page. */
export const hasUnsaved = (): boolean => Object.values(drafts.value).some(isDirty);
