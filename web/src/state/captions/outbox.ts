/**
 * The outbox of captions: what was typed and is not yet known to be saved. Pure; the storage and the
 * network are passed in. Each entry is kept under its own key, so that two tabs never overwrite each
 * other, and names the tab that sends it, so that no other tab sends it, too.
 */
import { keysWith, type KeyValueStorage, parsed } from "../key-value-storage";
import type { CaptionVersion } from "./heads";

export type EntryState = "saving" | "conflict" | "refused";

export interface Entry {
  client_id: string;
  image_id: number;
  /** Which of the image's captions: 0 for the first one. */
  slot: number;
  dataset_id: string;
  /** Null takes the caption away. */
  text: string | null;
  base_revision: number;
  /** The entry of the outbox that this one was typed on top of: its revision will be the base. */
  after?: string;
  state: EntryState;
  typed_at_ms: number;
  /** Who typed it: nobody else's session sends it. */
  author: string;
  /** The tab that sends it. */
  tab: string;
  /** The caption that somebody else saved meanwhile. */
  current?: CaptionVersion;
  /** Why the server refused it for good. */
  problem?: string;
}

export const ENTRY = "clip-browser.outbox.";

/**
 * All entries of one person, oldest first. A key that cannot be read is left alone; an entry of a
 * dashboard that did not yet know authors, slots and tabs is whose browser it is.
 */
export function loadEntries(storage: KeyValueStorage, author: string): Entry[] {
  return keysWith(storage, ENTRY)
    .map((key) => parsed<Entry>(storage.getItem(key)))
    .filter((entry): entry is Entry => typeof entry?.client_id === "string")
    .map((entry) => ({ ...entry, slot: entry.slot ?? 0, tab: entry.tab ?? "", author: entry.author ?? author }))
    .filter((entry) => entry.author === author)
    .sort((a, b) => a.typed_at_ms - b.typed_at_ms);
}

/** Raises what the storage raises when it is full. */
export function storeEntry(storage: KeyValueStorage, entry: Entry): void {
  storage.setItem(ENTRY + entry.client_id, JSON.stringify(entry));
}

export function dropEntry(storage: KeyValueStorage, clientId: string): void {
  storage.removeItem(ENTRY + clientId);
}

/** Two entries are about the same caption. */
export const isSame = (a: Pick<Entry, "image_id" | "slot">, b: Pick<Entry, "image_id" | "slot">): boolean =>
  a.image_id === b.image_id && a.slot === b.slot;

/** The newest entry of a caption. */
export const lastOf = (entries: readonly Entry[], image: number, slot: number): Entry | undefined =>
  entries.findLast((entry) => entry.image_id === image && entry.slot === slot);

/** The entries that `tab` sends now: of each caption the oldest, if it is still saving and the tab's own. */
export function sendable(entries: readonly Entry[], tab: string): Entry[] {
  const first = new Map<string, Entry>();
  for (const entry of entries) {
    const key = `${entry.image_id} ${entry.slot}`;
    if (!first.has(key)) first.set(key, entry);
  }
  return [...first.values()].filter((entry) => entry.state === "saving" && entry.tab === tab);
}

/** The entries after `clientId` was saved as `revision`: what was typed on top of it builds on that. */
export function afterSaved(entries: readonly Entry[], clientId: string, revision: number): Entry[] {
  return entries
    .filter((entry) => entry.client_id !== clientId)
    .map((entry) => {
      if (entry.after !== clientId) return entry;
      const { after: _after, ...rest } = entry;
      return { ...rest, base_revision: revision };
    });
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

/** The entries of tabs that are gone, given to `tab`. */
export function adopted(entries: readonly Entry[], gone: ReadonlySet<string>, tab: string): Entry[] {
  return entries.map((entry) => (gone.has(entry.tab) ? { ...entry, tab } : entry));
}

/** A person's answer to a conflict: the own text, the other one, or a text made of both. */
export type Choice = { take: "mine" } | { take: "theirs" } | { take: "text"; text: string };

/**
 * The person decides a conflict: the own text or a merged one is sent again on top of the other one,
 * under a new client id and by this tab; "theirs" drops it.
 */
export function decide(
  entries: readonly Entry[],
  clientId: string,
  choice: Choice,
  again: Pick<Entry, "client_id" | "tab">,
): Entry[] {
  const entry = entries.find((one) => one.client_id === clientId);
  if (!entry) return [...entries];
  if (choice.take === "theirs") return entries.filter((one) => one.client_id !== clientId);
  const { current, problem: _problem, after: _after, ...rest } = entry;
  const sent: Entry = {
    ...rest,
    ...again,
    text: choice.take === "text" ? choice.text : entry.text,
    base_revision: current?.revision ?? entry.base_revision,
    state: "saving",
  };
  return entries.map((one) => {
    if (one.client_id === clientId) return sent;
    return one.after === clientId ? { ...one, after: sent.client_id } : one;
  });
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
  const text = inner.text ?? inner.caption;
  return {
    revision: Number(inner.revision ?? 0),
    text: typeof text === "string" ? text : null,
    by: String(inner.by ?? inner.captioned_by ?? inner.author ?? "somebody"),
  };
}

/** What an answer to a save means. A 202 is not yet saved: the same client id is sent again. */
export function outcomeOf({ status, body }: { status: number; body: object | null }): Outcome {
  const revision = body && "revision" in body ? body.revision : undefined;
  return status === 200 && typeof revision === "number" ? { kind: "saved", revision } : { kind: "again" };
}

/**
 * What a failed save means: silence, 5xx, 401, 408 and 429 are tried again, the rest is for good.
 * A conflict with the very same text is none.
 */
export function outcomeOfFailure(failure: Failure, text: string | null): Outcome {
  if (failure.code === "caption_conflict") {
    const current = readCurrent(failure.details);
    return current.text === text ? { kind: "saved", revision: current.revision } : { kind: "conflict", current };
  }
  const passes = failure.status === 0 || failure.status >= 500 || [401, 408, 429].includes(failure.status);
  return passes ? { kind: "again" } : { kind: "refused", problem: failure.message };
}
