/**
 * The outbox of captions: what was typed and is not yet known to be saved. Pure; the storage and the
 * network are passed in. Each entry is kept under its own key, so that two tabs never overwrite each other.
 */
import type { CaptionVersion } from "../api/types";

export type EntryState = "saving" | "conflict" | "refused";

export interface Entry {
  client_id: string;
  image_id: number;
  dataset_id: string;
  text: string;
  base_revision: number;
  state: EntryState;
  attempts: number;
  typed_at_ms: number;
  /** The caption that somebody else saved meanwhile. */
  current?: CaptionVersion;
  /** Why the server refused it for good. */
  problem?: string;
}

export interface KeyValueStorage {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const ENTRY = "clip-browser.outbox.";
const DRAFT = "clip-browser.draft.";

function keysWith(storage: KeyValueStorage, prefix: string): string[] {
  const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index));
  return keys.filter((key): key is string => key !== null && key.startsWith(prefix));
}

function parsed<T>(text: string | null): T | null {
  try {
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

/** All entries, oldest first. A key that cannot be read is left alone. */
export function loadEntries(storage: KeyValueStorage): Entry[] {
  return keysWith(storage, ENTRY)
    .map((key) => parsed<Entry>(storage.getItem(key)))
    .filter((entry): entry is Entry => entry !== null && typeof entry.client_id === "string")
    .sort((a, b) => a.typed_at_ms - b.typed_at_ms);
}

export function storeEntry(storage: KeyValueStorage, entry: Entry): void {
  storage.setItem(ENTRY + entry.client_id, JSON.stringify(entry));
}

export function dropEntry(storage: KeyValueStorage, clientId: string): void {
  storage.removeItem(ENTRY + clientId);
}

/** What is being typed for an image, and the revision it started from: null while that is not known. */
export interface Draft {
  text: string;
  base_revision: number | null;
}

export function storeDraft(storage: KeyValueStorage, imageId: number, draft: Draft): void {
  storage.setItem(DRAFT + imageId, JSON.stringify(draft));
}

export function dropDraft(storage: KeyValueStorage, imageId: number): void {
  storage.removeItem(DRAFT + imageId);
}

export function loadDraft(storage: KeyValueStorage, imageId: number): Draft | null {
  const draft = parsed<Draft>(storage.getItem(DRAFT + imageId));
  return draft && typeof draft.text === "string" ? draft : null;
}

/** The entries to send now: of each image the oldest that is still saving, and none behind a conflict. */
export function sendable(entries: readonly Entry[]): Entry[] {
  const first = new Map<number, Entry>();
  for (const entry of entries) {
    if (!first.has(entry.image_id)) first.set(entry.image_id, entry);
  }
  return [...first.values()].filter((entry) => entry.state === "saving");
}

/** The entries after `clientId` was saved as `revision`: later ones of the image build on it. */
export function afterSaved(entries: readonly Entry[], clientId: string, revision: number): Entry[] {
  const saved = entries.find((entry) => entry.client_id === clientId);
  if (!saved) return [...entries];
  return entries
    .filter((entry) => entry.client_id !== clientId)
    .map((entry) => (entry.image_id === saved.image_id ? { ...entry, base_revision: revision } : entry));
}

/** The entries after the server said that another caption is there. */
export function afterConflict(entries: readonly Entry[], clientId: string, current: CaptionVersion): Entry[] {
  return entries.map((entry) =>
    entry.client_id === clientId ? { ...entry, state: "conflict" as const, current } : entry,
  );
}

/** The entries after the server refused one for good. */
export function afterRefused(entries: readonly Entry[], clientId: string, problem: string): Entry[] {
  return entries.map((entry) =>
    entry.client_id === clientId ? { ...entry, state: "refused" as const, problem } : entry,
  );
}

/**
 * The person decides a conflict: "mine" sends the own text again on top of the other one, under a new
 * client id; "theirs" drops it.
 */
export function decide(
  entries: readonly Entry[],
  clientId: string,
  choice: "mine" | "theirs",
  newClientId: string,
): Entry[] {
  const entry = entries.find((one) => one.client_id === clientId);
  if (!entry) return [...entries];
  if (choice === "theirs") return entries.filter((one) => one.client_id !== clientId);
  const { current, problem: _problem, ...rest } = entry;
  const again: Entry = {
    ...rest,
    client_id: newClientId,
    base_revision: current?.revision ?? entry.base_revision,
    state: "saving",
    attempts: 0,
  };
  return entries.map((one) => (one.client_id === clientId ? again : one));
}

/** Milliseconds until the next try: 1 s, 2 s, 4 s ... at most 30 s. */
export function retryDelay_ms(attempts: number): number {
  return Math.min(30_000, 1000 * 2 ** Math.max(0, attempts - 1));
}

export type Outcome =
  | { kind: "saved"; revision: number }
  | { kind: "again" }
  | { kind: "conflict"; current: CaptionVersion }
  | { kind: "refused"; problem: string };

interface Failure {
  status: number;
  code: string;
  message: string;
  details?: unknown;
}

/** Reads `{revision, text|caption, by|author|captioned_by}` wherever an API puts a current caption. */
export function readCurrent(details: unknown): CaptionVersion {
  const outer = (details ?? {}) as Record<string, unknown>;
  const inner = (outer.current ?? outer) as Record<string, unknown>;
  return {
    revision: Number(inner.revision ?? 0),
    text: String(inner.text ?? inner.caption ?? ""),
    by: String(inner.by ?? inner.captioned_by ?? inner.author ?? "somebody"),
  };
}

/** What an answer to a save means. A 202 is not yet saved: the same client id is sent again. */
export function outcomeOf(answer: { status: number; body: { revision?: number } | null }): Outcome {
  const revision = answer.body?.revision;
  return answer.status === 200 && typeof revision === "number" ? { kind: "saved", revision } : { kind: "again" };
}

/** What a failed save means: silence, 5xx, 401, 408 and 429 are tried again, the rest is for good. */
export function outcomeOfFailure(failure: Failure): Outcome {
  if (failure.code === "caption_conflict") return { kind: "conflict", current: readCurrent(failure.details) };
  const passes = failure.status === 0 || failure.status >= 500 || [401, 408, 429].includes(failure.status);
  return passes ? { kind: "again" } : { kind: "refused", problem: failure.message };
}
