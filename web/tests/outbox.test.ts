import { beforeEach, describe, expect, test } from "vitest";
import {
  afterConflict,
  afterRefused,
  afterSaved,
  decide,
  dropDraft,
  dropEntry,
  type Entry,
  type KeyValueStorage,
  loadDraft,
  loadEntries,
  outcomeOf,
  outcomeOfFailure,
  readCurrent,
  retryDelay_ms,
  sendable,
  storeDraft,
  storeEntry,
} from "../src/state/outbox";

class MapStorage implements KeyValueStorage {
  private readonly map = new Map<string, string>();
  get length(): number {
    return this.map.size;
  }
  key = (index: number): string | null => [...this.map.keys()][index] ?? null;
  getItem = (key: string): string | null => this.map.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.map.set(key, value);
  removeItem = (key: string): void => void this.map.delete(key);
}

function entry(change: Partial<Entry> = {}): Entry {
  return {
    client_id: "a",
    image_id: 1,
    dataset_id: "birds",
    text: "a robin",
    base_revision: 0,
    state: "saving",
    attempts: 0,
    typed_at_ms: 1,
    ...change,
  };
}

describe("storage", () => {
  let storage: MapStorage;
  beforeEach(() => {
    storage = new MapStorage();
  });

  test("entries come back after a reload, oldest first", () => {
    storeEntry(storage, entry({ client_id: "late", typed_at_ms: 5 }));
    storeEntry(storage, entry({ client_id: "early", typed_at_ms: 2 }));
    expect(loadEntries(storage).map((one) => one.client_id)).toEqual(["early", "late"]);
  });

  test("two tabs never overwrite each other's entries", () => {
    storeEntry(storage, entry({ client_id: "tab one" }));
    storeEntry(storage, entry({ client_id: "tab two" }));
    dropEntry(storage, "tab one");
    expect(loadEntries(storage).map((one) => one.client_id)).toEqual(["tab two"]);
  });

  test("a key that cannot be read loses nothing else", () => {
    storage.setItem("clip-browser.outbox.broken", "{");
    storage.setItem("clip-browser.theme", "dark");
    storeEntry(storage, entry());
    expect(loadEntries(storage)).toHaveLength(1);
  });

  test("a draft is kept with the revision it began from, also when it is empty", () => {
    storeDraft(storage, 7, { text: "", base_revision: 3 });
    expect(loadDraft(storage, 7)).toEqual({ text: "", base_revision: 3 });
    dropDraft(storage, 7);
    expect(loadDraft(storage, 7)).toBeNull();
  });
});

describe("sending", () => {
  test("of one image only the oldest entry is sent", () => {
    const entries = [entry(), entry({ client_id: "b", text: "a red robin" }), entry({ client_id: "c", image_id: 2 })];
    expect(sendable(entries).map((one) => one.client_id)).toEqual(["a", "c"]);
  });

  test("nothing is sent behind a conflict of the same image", () => {
    expect(sendable([entry({ state: "conflict" }), entry({ client_id: "b" })])).toEqual([]);
  });

  test("a later entry of the image builds on the revision that was just saved", () => {
    const entries = [entry(), entry({ client_id: "b" }), entry({ client_id: "c", image_id: 2 })];
    expect(afterSaved(entries, "a", 4).map((one) => [one.client_id, one.base_revision])).toEqual([["b", 4], ["c", 0]]);
  });

  test("an answer about an entry that is gone changes nothing", () => {
    expect(afterSaved([entry()], "gone", 4)).toEqual([entry()]);
  });

  test("the wait between tries doubles up to half a minute", () => {
    expect([1, 2, 3, 10].map(retryDelay_ms)).toEqual([1000, 2000, 4000, 30_000]);
  });
});

describe("answers", () => {
  test("200 with a revision is saved, 202 is asked again", () => {
    expect(outcomeOf({ status: 200, body: { revision: 3 } })).toEqual({ kind: "saved", revision: 3 });
    expect(outcomeOf({ status: 202, body: {} })).toEqual({ kind: "again" });
  });

  test.each([0, 401, 408, 429, 500, 503])("status %i keeps the caption and tries again", (status) => {
    expect(outcomeOfFailure({ status, code: "x", message: "" })).toEqual({ kind: "again" });
  });

  test("a caption the server will never take is refused with its reason", () => {
    const failure = { status: 400, code: "invalid_input", message: "caption is 2140 characters; the limit is 2000" };
    expect(outcomeOfFailure(failure)).toEqual({ kind: "refused", problem: failure.message });
  });

  test("a conflict carries what somebody else wrote, wherever the API puts it", () => {
    const current = { revision: 5, text: "a wren", by: "maria" };
    const failure = { status: 409, code: "caption_conflict", message: "", details: { current } };
    expect(outcomeOfFailure(failure)).toEqual({ kind: "conflict", current });
    expect(readCurrent({ revision: 5, caption: "a wren", captioned_by: "maria" })).toEqual(current);
  });
});

describe("conflicts", () => {
  const current = { revision: 5, text: "a wren", by: "maria" };

  test("both texts stay until the person decides", () => {
    const [kept] = afterConflict([entry()], "a", current);
    expect(kept).toMatchObject({ state: "conflict", text: "a robin", current });
  });

  test("mine is sent again on top of the other one, under a new client id", () => {
    const [again] = decide(afterConflict([entry({ attempts: 3 })], "a", current), "a", "mine", "new");
    expect(again).toEqual(entry({ client_id: "new", base_revision: 5 }));
  });

  test("theirs drops mine and leaves every other entry", () => {
    const entries = afterConflict([entry(), entry({ client_id: "b", image_id: 2 })], "a", current);
    expect(decide(entries, "a", "theirs", "new").map((one) => one.client_id)).toEqual(["b"]);
  });

  test("a refused caption can be sent again as it is", () => {
    const [again] = decide(afterRefused([entry({ base_revision: 2 })], "a", "too long"), "a", "mine", "new");
    expect(again).toEqual(entry({ client_id: "new", base_revision: 2 }));
  });
});
