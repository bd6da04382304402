/** The outbox at work: signals for the pages, sends in the background, survives a reload. */
import { computed, signal } from "@preact/signals";
import { putCaption } from "../../api/captions";
import type { CaptionEvent } from "../../api/events";
import { asApiError } from "../../api/http";
import { FULL_WORDS, kept, stored } from "../browser-storage";
import { imageOf } from "../images/live-images";
import { newId, type Tabs } from "../tabs";
import { thisTab } from "../this-tab";
import { announce } from "../toasts";
import { rebaseDraft, startDrafts } from "./drafts";
import { type CaptionVersion, knownHead, learnHead } from "./heads";
import { adopted, afterConflict, afterRefused, afterSaved, type Choice, decide, dropEntry, type Entry, ENTRY, isSame, lastOf, loadEntries, type Outcome, outcomeOf, outcomeOfFailure, readCurrent, retryDelay_ms, sendable, storeEntry } from "./outbox";
import { type PastSave, withoutSave, withResent, withRevision, withSave } from "./undo-history";

const ADOPT_EVERY_MS = 10_000;
/** How long a write to the storage may take to be seen by another tab. */
const SETTLE_MS = 200;
const entries = signal<Entry[]>([]);
const undoHistory = signal<PastSave[]>([]);
const inFlight = new Set<string>();
const waiting = new Map<string, number>();
const attempts = new Map<string, number>();
let author = "";
let tabs: Tabs | null = null;

export const outbox = computed(() => entries.value);
export const savingCount = computed(() => entries.value.filter((entry) => entry.state === "saving").length);
export const conflicts = computed(() => entries.value.filter((entry) => entry.state !== "saving"));
/** What was saved since the page was loaded, newest last. */
export const pastSaves = computed(() => undoHistory.value);

/** Takes over a new list: stores what is new or changed, forgets what is gone. A full storage keeps the old state. */
function keep(next: Entry[]): void {
  const before = new Map(entries.value.map((entry) => [entry.client_id, entry]));
  for (const entry of next) {
    if (before.get(entry.client_id) !== entry) stored(() => storeEntry(kept, entry));
    before.delete(entry.client_id);
  }
  for (const clientId of before.keys()) dropEntry(kept, clientId);
  entries.value = next;
}

/** A save is durable: what was typed on top of it builds on its revision. */
function settleSaved(entry: Entry, revision: number): void {
  attempts.delete(entry.client_id);
  learnHead(entry.image_id, entry.slot, { revision, text: entry.text, by: entry.author });
  undoHistory.value = withRevision(undoHistory.value, entry.client_id, revision);
  rebaseDraft(entry.image_id, entry.slot, entry.client_id, revision);
  keep(afterSaved(entries.value, entry.client_id, revision));
  announce(entry.text === null ? "Taken away." : "Saved.");
  sendNow();
}

function settle(entry: Entry, outcome: Outcome): void {
  switch (outcome.kind) {
    case "saved":
      return settleSaved(entry, outcome.revision);
    case "conflict":
      learnHead(entry.image_id, entry.slot, outcome.current);
      keep(afterConflict(entries.value, entry.client_id, outcome.current));
      return announce(`${outcome.current.by} saved another caption for this image.`);
    case "refused":
      keep(afterRefused(entries.value, entry.client_id, outcome.problem));
      return announce(`Not saved: ${outcome.problem}`);
    case "again":
      return sendLater(entry);
  }
}

function sendLater({ client_id }: Entry): void {
  const tries = (attempts.get(client_id) ?? 0) + 1;
  attempts.set(client_id, tries);
  const timer = window.setTimeout(() => {
    waiting.delete(client_id);
    sendNow();
  }, retryDelay_ms(tries));
  waiting.set(client_id, timer);
}

async function sendOne(entry: Entry): Promise<void> {
  inFlight.add(entry.client_id);
  const { text, base_revision, client_id, slot } = entry;
  const outcome = await putCaption(entry.image_id, { text, base_revision, client_id, slot })
    .then(outcomeOf)
    .catch((thrown: unknown) => outcomeOfFailure(asApiError(thrown), text));
  inFlight.delete(client_id);
  const now = entries.value.find((one) => one.client_id === client_id);
  if (now) settle(now, outcome);
}

/** Sends what this tab can send and is neither on its way nor waiting for its next try. */
export function sendNow(): void {
  for (const entry of sendable(entries.value, tabs?.id ?? "")) {
    if (!inFlight.has(entry.client_id) && !waiting.has(entry.client_id)) void sendOne(entry);
  }
}

function stopWaiting(clientId: string): void {
  clearTimeout(waiting.get(clientId));
  waiting.delete(clientId);
}

/** Sends everything at once: the connection is back. */
export function retryNow(): void {
  [...waiting.keys()].forEach(stopWaiting);
  sendNow();
}

export interface CaptionChange {
  imageId: number;
  slot: number;
  datasetId: string;
  text: string | null;
  /** The text before; null: there was none. */
  before: string | null;
  baseRevision: number;
  /** The entry that it was typed on top of, if that is not saved yet. */
  after?: string | undefined;
  /** It is known to meet this caption of somebody else: the person chooses before it is sent. */
  meets?: CaptionVersion | undefined;
}

function enqueue(change: CaptionChange): Entry | null {
  const parent = entries.value.find((entry) => entry.client_id === change.after);
  const entry: Entry = {
    client_id: newId(),
    image_id: change.imageId,
    slot: change.slot,
    dataset_id: change.datasetId,
    text: change.text,
    base_revision: change.baseRevision,
    ...(parent ? { after: parent.client_id } : {}),
    ...(change.meets ? { state: "conflict", current: change.meets } : { state: "saving" }),
    typed_at_ms: Date.now(),
    author,
    tab: tabs?.id ?? "",
  };
  if (!stored(() => storeEntry(kept, entry))) return null;
  keep([...entries.value.filter((one) => !isSame(one, entry) || one.state !== "refused"), entry]);
  sendNow();
  return entry;
}

/** Puts a caption into the outbox and sends it in the background. Returns why it could not be kept. */
export function saveCaption(change: CaptionChange): string | null {
  const entry = enqueue(change);
  if (!entry) return FULL_WORDS;
  const { client_id, image_id, slot, dataset_id, text } = entry;
  undoHistory.value = withSave(undoHistory.value, { client_id, image_id, slot, dataset_id, text, before: change.before, revision: null });
  return null;
}

export type Undone = { save: PastSave } | { problem: string };

/** Takes the last save back: writes the text before it, on top of it. */
export function undoLast(datasetId: string): Undone {
  const save = undoHistory.value.findLast((one) => one.dataset_id === datasetId);
  if (!save) return { problem: "Nothing was saved in this sitting that could be undone." };
  const entry = entries.value.find((one) => one.client_id === save.client_id);
  if (entry && entry.state !== "saving") return { problem: "Your last text was not saved: choose what becomes of it first." };
  const change = { imageId: save.image_id, slot: save.slot, datasetId, text: save.before, before: save.text };
  if (!enqueue({ ...change, baseRevision: save.revision ?? entry?.base_revision ?? 0, after: entry?.client_id })) return { problem: FULL_WORDS };
  undoHistory.value = withoutSave(undoHistory.value, save.client_id);
  return { save };
}

/** The event says that a caption was saved; if it is one of ours, there is no need to ask again. */
export function onCaptionEvent(event: CaptionEvent): void {
  const mine = entries.value.find((entry) => entry.client_id === event.client_id);
  if (!mine && !imageOf(event.image_id)) return; // of a hundred people most caption what is not seen here
  learnHead(event.image_id, event.slot, { revision: event.revision, text: event.text, by: event.by });
  if (!mine) return;
  stopWaiting(mine.client_id);
  settleSaved(mine, event.revision);
}

/** The event says that one of our captions met another one. */
export function onConflictEvent(event: { client_id: string; current?: unknown }): void {
  const mine = entries.value.find((entry) => entry.client_id === event.client_id);
  if (!mine || mine.state !== "saving") return;
  stopWaiting(mine.client_id);
  settle(mine, { kind: "conflict", current: readCurrent(event) });
}

export function decideConflict(clientId: string, choice: Choice): void {
  const entry = entries.value.find((one) => one.client_id === clientId);
  const again = { client_id: newId(), tab: tabs?.id ?? "" };
  const next = decide(entries.value, clientId, choice, again);
  const sent = next.find((one) => one.client_id === again.client_id);
  undoHistory.value = sent
    ? withResent(undoHistory.value, clientId, { client_id: sent.client_id, text: sent.text, before: entry?.current?.text ?? null })
    : withoutSave(undoHistory.value, clientId);
  keep(next);
  sendNow();
}

/** What this browser last knows of a caption: what is on its way, else what was saved. Undefined: nothing. */
export function knownCaption(imageId: number, slot = 0): string | null | undefined {
  const last = lastOf(entries.value, imageId, slot);
  return last ? last.text : knownHead(imageId, slot)?.text;
}

async function goneTabs(mine: Tabs): Promise<Set<string>> {
  const gone = new Set<string>();
  for (const isOther of new Set(entries.value.map((entry) => entry.tab))) {
    if (isOther !== mine.id && !(await mine.isAlive(isOther))) gone.add(isOther);
  }
  return gone;
}

/**
 * Sends what tabs left behind that are gone: closed, crashed, or of an earlier start of the browser.
 * Of two tabs that adopt an entry at once, the last one to write it keeps it.
 */
async function adopt(): Promise<void> {
  const gone = tabs ? await goneTabs(tabs) : new Set<string>();
  if (!tabs || gone.size === 0) return;
  entries.value = loadEntries(kept, author);
  keep(adopted(entries.value, gone, tabs.id));
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  entries.value = loadEntries(kept, author);
  sendNow();
}

/** Another tab changed the outbox. */
function follow({ key }: StorageEvent): void {
  if (key !== null && !key.startsWith(ENTRY)) return;
  entries.value = loadEntries(kept, author);
  sendNow();
}

/** Reads the stored entries of a person and starts to send them. Call again when another person signs in. */
export async function startSaving(name: string): Promise<void> {
  const isFirst = tabs === null;
  if (author !== name) undoHistory.value = [];
  author = name;
  startDrafts(name);
  entries.value = loadEntries(kept, author);
  tabs = await thisTab();
  if (isFirst) {
    addEventListener("online", retryNow);
    addEventListener("storage", follow);
    window.setInterval(() => void adopt(), ADOPT_EVERY_MS);
  }
  retryNow();
  await adopt();
}
