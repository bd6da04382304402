/** The outbox at work: signals for the pages, sends in the background, survives a reload. */
import { computed, signal } from "@preact/signals";
import { putCaption } from "../api/calls";
import { asApiError } from "../api/http";
import type { CaptionEvent } from "../api/types";
import { announce } from "../design/toast";
import {
  afterConflict,
  afterRefused,
  afterSaved,
  decide,
  dropEntry,
  type Entry,
  loadEntries,
  type Outcome,
  outcomeOf,
  outcomeOfFailure,
  readCurrent,
  retryDelay_ms,
  sendable,
  storeEntry,
} from "./outbox";

const entries = signal<Entry[]>([]);
const inFlight = new Set<string>();
const waiting = new Map<string, number>();

/** Captions saved in this sitting: image id to its text and revision. */
export const saved = signal<ReadonlyMap<number, { text: string; revision: number }>>(new Map());
export const outbox = computed(() => entries.value);
export const savingCount = computed(() => entries.value.filter((entry) => entry.state === "saving").length);
export const conflicts = computed(() => entries.value.filter((entry) => entry.state !== "saving"));

function newId(): string {
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
}

/** Takes over a new list: stores what is new or changed, forgets what is gone. */
function keep(next: Entry[]): void {
  const before = new Map(entries.value.map((entry) => [entry.client_id, entry]));
  for (const entry of next) {
    if (before.get(entry.client_id) !== entry) storeEntry(localStorage, entry);
    before.delete(entry.client_id);
  }
  for (const clientId of before.keys()) dropEntry(localStorage, clientId);
  entries.value = next;
}

function remember(imageId: number, text: string, revision: number): void {
  saved.value = new Map(saved.value).set(imageId, { text, revision });
}

function settle(entry: Entry, outcome: Outcome): void {
  switch (outcome.kind) {
    case "saved":
      remember(entry.image_id, entry.text, outcome.revision);
      keep(afterSaved(entries.value, entry.client_id, outcome.revision));
      announce("Saved.");
      return sendNow();
    case "conflict":
      keep(afterConflict(entries.value, entry.client_id, outcome.current));
      return announce(`${outcome.current.by} saved another caption for this image.`);
    case "refused":
      keep(afterRefused(entries.value, entry.client_id, outcome.problem));
      return announce(`Not saved: ${outcome.problem}`);
    case "again":
      return sendLater(entry);
  }
}

function sendLater(entry: Entry): void {
  const attempts = entry.attempts + 1;
  keep(entries.value.map((one) => (one.client_id === entry.client_id ? { ...one, attempts } : one)));
  const timer = window.setTimeout(() => {
    waiting.delete(entry.client_id);
    sendNow();
  }, retryDelay_ms(attempts));
  waiting.set(entry.client_id, timer);
}

async function sendOne(entry: Entry): Promise<void> {
  inFlight.add(entry.client_id);
  const { text, base_revision, client_id } = entry;
  const outcome = await putCaption(entry.image_id, { text, base_revision, client_id })
    .then(outcomeOf)
    .catch((thrown: unknown) => outcomeOfFailure(asApiError(thrown)));
  inFlight.delete(entry.client_id);
  const now = entries.value.find((one) => one.client_id === client_id);
  if (now) settle(now, outcome);
}

/** Sends what can be sent and is neither on its way nor waiting for its next try. */
export function sendNow(): void {
  for (const entry of sendable(entries.value)) {
    if (!inFlight.has(entry.client_id) && !waiting.has(entry.client_id)) void sendOne(entry);
  }
}

/** Sends everything at once: the connection is back. */
export function retryNow(): void {
  waiting.forEach((timer) => clearTimeout(timer));
  waiting.clear();
  sendNow();
}

/** Puts a caption into the outbox and sends it in the background. */
export function saveCaption(what: { imageId: number; datasetId: string; text: string; baseRevision: number }): void {
  const entry: Entry = {
    client_id: newId(),
    image_id: what.imageId,
    dataset_id: what.datasetId,
    text: what.text,
    base_revision: what.baseRevision,
    state: "saving",
    attempts: 0,
    typed_at_ms: Date.now(),
  };
  keep([...entries.value.filter((one) => one.image_id !== entry.image_id || one.state !== "refused"), entry]);
  sendNow();
}

/** The event says that one of our captions was saved: no need to ask again. */
export function onCaptionEvent(event: CaptionEvent): void {
  const mine = entries.value.find((entry) => entry.client_id === event.client_id);
  remember(event.image_id, event.text, event.revision);
  if (!mine) return;
  clearTimeout(waiting.get(mine.client_id));
  waiting.delete(mine.client_id);
  keep(afterSaved(entries.value, mine.client_id, event.revision));
  sendNow();
}

/** The event says that one of our captions met another one. */
export function onConflictEvent(event: { client_id: string; current?: unknown }): void {
  const mine = entries.value.find((entry) => entry.client_id === event.client_id);
  if (!mine || mine.state !== "saving") return;
  clearTimeout(waiting.get(mine.client_id));
  waiting.delete(mine.client_id);
  settle(mine, { kind: "conflict", current: readCurrent(event) });
}

export function decideConflict(clientId: string, choice: "mine" | "theirs"): void {
  const entry = entries.value.find((one) => one.client_id === clientId);
  if (choice === "theirs" && entry?.current) remember(entry.image_id, entry.current.text, entry.current.revision);
  keep(decide(entries.value, clientId, choice, newId()));
  sendNow();
}

/** What this browser last knows of an image's caption: what is on its way, else what was saved. */
export function knownCaption(imageId: number): string | undefined {
  return entries.value.findLast((entry) => entry.image_id === imageId)?.text ?? saved.value.get(imageId)?.text;
}

/** The revision this browser last knows of an image. */
export function knownRevision(imageId: number): number | undefined {
  return saved.value.get(imageId)?.revision;
}

/** Reads the stored entries and starts to send them. */
export function startSaving(): void {
  entries.value = loadEntries(localStorage);
  addEventListener("online", retryNow);
  sendNow();
}
