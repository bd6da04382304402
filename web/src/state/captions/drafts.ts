/** Drafts: what is being typed and was not yet saved, kept for each caption of each image. */
import { signal } from "@preact/signals";
import { kept, stored } from "../browser-storage";
import { type KeyValueStorage, parsed } from "../key-value-storage";

/** What is being typed, and the revision it started from: null while that is not known. */
export interface Draft {
  text: string;
  base_revision: number | null;
  /** The entry of the outbox that it is typed on top of. */
  after?: string;
}

const DRAFT = "clip-browser.draft.";
const known = signal<ReadonlyMap<string, Draft | null>>(new Map());
let author = "";

/** How the keys of a person's drafts begin. */
export const draftPrefix = (name: string): string => `${DRAFT}${encodeURIComponent(name)}.`;
const keyOf = (image: number, slot: number): string => `${draftPrefix(author)}${image}.${slot}`;

export function readDraft(storage: KeyValueStorage, key: string): Draft | null {
  const draft = parsed<Draft>(storage.getItem(key));
  return typeof draft?.text === "string" ? draft : null;
}

function note(key: string, draft: Draft | null): void {
  known.value = new Map(known.value).set(key, draft);
}

/** The draft of a caption, if there is one. */
export function draftOf(image: number, slot: number): Draft | null {
  const key = keyOf(image, slot);
  return known.value.has(key) ? (known.value.get(key) ?? null) : readDraft(kept, key);
}

/** Keeps a draft; with a full storage as long as the page is open. */
export function keepDraft(image: number, slot: number, draft: Draft): void {
  const key = keyOf(image, slot);
  note(key, draft);
  stored(() => kept.setItem(key, JSON.stringify(draft)));
}

export function dropDraft(image: number, slot: number): void {
  const key = keyOf(image, slot);
  kept.removeItem(key);
  note(key, null);
}

/** The entry that a draft was typed on top of is saved: it builds on that revision. */
export function rebaseDraft(image: number, slot: number, clientId: string, revision: number): void {
  const draft = draftOf(image, slot);
  if (draft?.after === clientId) keepDraft(image, slot, { text: draft.text, base_revision: revision });
}

/** Starts to keep the drafts of a person, and to follow the other tabs of this browser. */
export function startDrafts(name: string): void {
  author = name;
  known.value = new Map();
}

export function followDrafts(): void {
  addEventListener("storage", ({ key }) => {
    if (key?.startsWith(DRAFT)) note(key, readDraft(kept, key));
  });
}
