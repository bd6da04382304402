import { afterEach, describe, expect, test } from "vitest";
import type { KeyValueStorage } from "../../src/state/key-value-storage";
import { type Means, openTabs } from "../../src/state/tabs";

function storage(start: Record<string, string> = {}): KeyValueStorage {
  const kept = new Map(Object.entries(start));
  return {
    get length() {
      return kept.size;
    },
    key: (index) => [...kept.keys()][index] ?? null,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}
const channels: BroadcastChannel[] = [];
/** A tab of a browser without Web Locks, on the real BroadcastChannel. */
function means(kept: KeyValueStorage): Means {
  const channel = (name: string) => {
    const made = new BroadcastChannel(name);
    channels.push(made);
    return made;
  };
  return { storage: kept, locks: undefined, channel };
}
afterEach(() => channels.splice(0).forEach((channel) => channel.close()));

describe("tabs without Web Locks", () => {
  test("a living tab answers, one that is gone does not", async () => {
    const [one, two] = await Promise.all([openTabs(means(storage())), openTabs(means(storage()))]);
    expect([await one.isAlive(two.id), await one.isAlive("gone")]).toEqual([true, false]);
  });

  test("a reload keeps the tab's id", async () => {
    const kept = storage();
    const { id } = await openTabs(means(kept));
    channels.splice(0).forEach((channel) => channel.close());
    expect((await openTabs(means(kept))).id).toBe(id);
  });

  test("a duplicated tab gets an id of its own", async () => {
    const first = await openTabs(means(storage()));
    const copy = await openTabs(means(storage({ "clip-browser.tab": first.id })));
    expect(copy.id).not.toBe(first.id);
  });

  test("where there is no channel either, every other tab counts as gone", async () => {
    const tab = await openTabs({ storage: storage(), locks: undefined, channel: () => undefined });
    expect(await tab.isAlive("other")).toBe(false);
  });
});

describe.runIf(globalThis.navigator?.locks)("tabs with Web Locks", () => {
  const withLocks = (kept: KeyValueStorage): Means => ({ storage: kept, locks: navigator.locks, channel: () => undefined });

  test("a living tab is known by its lock, and a duplicated one gets an id of its own", async () => {
    const first = await openTabs(withLocks(storage()));
    const copy = await openTabs(withLocks(storage({ "clip-browser.tab": first.id })));
    expect(copy.id).not.toBe(first.id);
    expect([await copy.isAlive(first.id), await copy.isAlive("gone")]).toEqual([true, false]);
  });
});
