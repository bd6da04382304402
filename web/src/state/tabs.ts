/**
 * Which tab of the browser this is, and which others live. With Web Locks a living tab holds a lock;
 * where a browser has none (plain http in a local network) it answers on a channel.
 */
import type { KeyValueStorage } from "./key-value-storage";

const KEY = "clip-browser.tab";
const LOCK = "clip-browser.tab.";
const CHANNEL = "clip-browser.tabs";
const ANSWER_MS = 400;

type Message = { ask: string; by: string } | { here: string };

export interface Tabs {
  readonly id: string;
  isAlive(id: string): Promise<boolean>;
}

export interface Means {
  /** Lasts as long as the tab, also over reloads. */
  storage: KeyValueStorage;
  locks: LockManager | undefined;
  channel: (name: string) => BroadcastChannel | undefined;
}

export function newId(): string {
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Takes the lock of a tab's id for as long as the page lives; false: another tab has it. */
function holdLock(locks: LockManager, id: string): Promise<boolean> {
  return new Promise((resolve) => {
    void locks
      .request(LOCK + id, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock ? new Promise<never>(() => undefined) : undefined;
      })
      .catch(() => resolve(true));
  });
}

async function withLocks(storage: KeyValueStorage, locks: LockManager): Promise<Tabs> {
  let id = storage.getItem(KEY) ?? newId();
  if (!(await holdLock(locks, id))) {
    id = newId(); // a duplicated tab comes with a copy of the storage
    await holdLock(locks, id);
  }
  storage.setItem(KEY, id);
  const isAlive = async (other: string): Promise<boolean> => {
    const { held = [] } = await locks.query();
    return held.some((lock) => lock.name === LOCK + other);
  };
  return { id, isAlive };
}

async function withChannel(storage: KeyValueStorage, channel: BroadcastChannel | undefined): Promise<Tabs> {
  const answered = new Set<string>();
  const me = newId();
  let id: string | null = null;
  const say = (message: Message) => channel?.postMessage(message);
  channel?.addEventListener("message", ({ data }: MessageEvent<Message>) => {
    if ("here" in data) answered.add(data.here);
    else if (data.ask === id && data.by !== me) say({ here: data.ask });
  });
  const isAlive = async (other: string): Promise<boolean> => {
    if (!channel) return false;
    answered.delete(other);
    say({ ask: other, by: me });
    await wait(ANSWER_MS);
    return answered.has(other);
  };
  const before = storage.getItem(KEY);
  id = before !== null && !(await isAlive(before)) ? before : newId();
  storage.setItem(KEY, id);
  return { id, isAlive };
}

/** Says which tab this is. A reload keeps the id, a duplicated tab gets another one. */
export function openTabs({ storage, locks, channel }: Means): Promise<Tabs> {
  return locks ? withLocks(storage, locks) : withChannel(storage, channel(CHANNEL));
}
