import { beforeEach, describe, expect, test } from "vitest";
import { adopted, afterConflict, afterRefused, afterSaved, decide, dropEntry, type Entry, loadEntries, outcomeOf, outcomeOfFailure, readCurrent, retryDelay_ms, sendable, storeEntry } from "../../src/state/captions/outbox";
import { MapStorage } from "../fixtures/map-storage";

function entry(change: Partial<Entry> = {}): Entry {
  return {
    client_id: "a",
    image_id: 1,
    dataset_id: "birds",
    text: "a robin",
    base_revision: 0,
    state: "saving",
    slot: 0,
    author: "ada",
    tab: "tab",
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
    expect(loadEntries(storage, "ada").map((one) => one.client_id)).toEqual(["early", "late"]);
  });

  test("two tabs never overwrite each other's entries", () => {
    storeEntry(storage, entry({ client_id: "tab one" }));
    storeEntry(storage, entry({ client_id: "tab two" }));
    dropEntry(storage, "tab one");
    expect(loadEntries(storage, "ada").map((one) => one.client_id)).toEqual(["tab two"]);
  });

  test("a key that cannot be read loses nothing else", () => {
    storage.setItem("clip-browser.outbox.broken", "{");
    storage.setItem("clip-browser.theme", "dark");
    storeEntry(storage, entry());
    expect(loadEntries(storage, "ada")).toHaveLength(1);
  });

  test("nobody's captions are sent under another name", () => {
    storeEntry(storage, entry({ author: "ben" }));
    expect(loadEntries(storage, "ada")).toEqual([]);
    expect(loadEntries(storage, "ben")).toHaveLength(1);
  });

  test("an entry of an older dashboard is kept, as the first caption of whose browser it is", () => {
    storage.setItem("clip-browser.outbox.old", JSON.stringify({ client_id: "old", image_id: 1, text: "a robin", base_revision: 0, state: "saving", typed_at_ms: 1 }));
    expect(loadEntries(storage, "ada")).toMatchObject([{ client_id: "old", slot: 0, author: "ada", tab: "" }]);
  });
});

describe("sending", () => {
  test("of one caption only the oldest entry is sent", () => {
    const entries = [entry(), entry({ client_id: "b", text: "a red robin" }), entry({ client_id: "c", image_id: 2 })];
    expect(sendable(entries, "tab").map((one) => one.client_id)).toEqual(["a", "c"]);
  });

  test("several captions of one image do not wait for each other", () => {
    expect(sendable([entry(), entry({ client_id: "b", slot: 1 })], "tab")).toHaveLength(2);
  });

  test("nothing is sent behind a conflict of the same caption", () => {
    expect(sendable([entry({ state: "conflict" }), entry({ client_id: "b" })], "tab")).toEqual([]);
  });

  test("a tab sends its own entries only, and waits for another tab's of the same caption", () => {
    const entries = [entry({ tab: "other" }), entry({ client_id: "b" }), entry({ client_id: "c", image_id: 2 })];
    expect(sendable(entries, "tab").map((one) => one.client_id)).toEqual(["c"]);
  });

  test("what a tab that is gone left behind is sent by another one", () => {
    const entries = [entry({ tab: "gone" }), entry({ client_id: "b", image_id: 2, tab: "alive" })];
    expect(sendable(adopted(entries, new Set(["gone"]), "tab"), "tab").map((one) => one.client_id)).toEqual(["a"]);
  });

  test("what was typed on top of an entry builds on the revision it was saved as", () => {
    const entries = [entry(), entry({ client_id: "b", after: "a" }), entry({ client_id: "c", image_id: 2 })];
    expect(afterSaved(entries, "a", 4).map((one) => [one.client_id, one.base_revision, one.after])).toEqual([["b", 4, undefined], ["c", 0, undefined]]);
  });

  test("what was typed beside it, in another tab, is not put on top of it unseen", () => {
    const [kept] = afterSaved([entry(), entry({ client_id: "b", tab: "other" })], "a", 4);
    expect(kept?.base_revision).toBe(0);
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
    expect(outcomeOfFailure({ status, code: "x", message: "" }, "a robin")).toEqual({ kind: "again" });
  });

  test("a caption the server will never take is refused with its reason", () => {
    const failure = { status: 400, code: "invalid_input", message: "caption is 2140 characters; the limit is 2000" };
    expect(outcomeOfFailure(failure, "a robin")).toEqual({ kind: "refused", problem: failure.message });
  });

  test("a conflict carries what somebody else wrote, wherever the API puts it", () => {
    const current = { revision: 5, text: "a wren", by: "maria" };
    const failure = { status: 409, code: "caption_conflict", message: "", details: { current } };
    expect(outcomeOfFailure(failure, "a robin")).toEqual({ kind: "conflict", current });
    expect(readCurrent({ revision: 5, caption: "a wren", captioned_by: "maria" })).toEqual(current);
  });

  test("a caption that somebody took away meanwhile is a conflict without a text", () => {
    const failure = { status: 409, code: "caption_conflict", message: "", details: { current: { revision: 6, text: null, by: "maria" } } };
    expect(outcomeOfFailure(failure, "a robin")).toMatchObject({ kind: "conflict", current: { text: null } });
  });

  test("two people who wrote the very same are of one mind", () => {
    const failure = { status: 409, code: "caption_conflict", message: "", details: { current: { revision: 5, text: "a robin", by: "maria" } } };
    expect(outcomeOfFailure(failure, "a robin")).toEqual({ kind: "saved", revision: 5 });
  });
});

describe("conflicts", () => {
  const current = { revision: 5, text: "a wren", by: "maria" };

  test("both texts stay until the person decides", () => {
    const [kept] = afterConflict([entry()], "a", current);
    expect(kept).toMatchObject({ state: "conflict", text: "a robin", current });
  });

  const again = { client_id: "new", tab: "tab" };

  test("mine is sent again on top of the other one, under a new client id", () => {
    const [sent] = decide(afterConflict([entry({ tab: "other" })], "a", current), "a", { take: "mine" }, again);
    expect(sent).toEqual(entry({ client_id: "new", base_revision: 5 }));
  });

  test("a text made of both is sent in place of mine", () => {
    const [sent] = decide(afterConflict([entry()], "a", current), "a", { take: "text", text: "a robin and a wren" }, again);
    expect(sent).toMatchObject({ text: "a robin and a wren", base_revision: 5, state: "saving" });
  });

  test("what was typed on top of mine follows it", () => {
    const entries = afterConflict([entry(), entry({ client_id: "b", after: "a" })], "a", current);
    expect(decide(entries, "a", { take: "mine" }, again)[1]?.after).toBe("new");
  });

  test("theirs drops mine and leaves every other entry", () => {
    const entries = afterConflict([entry(), entry({ client_id: "b", image_id: 2 })], "a", current);
    expect(decide(entries, "a", { take: "theirs" }, again).map((one) => one.client_id)).toEqual(["b"]);
  });

  test("a refused caption can be sent again as it is", () => {
    const [sent] = decide(afterRefused([entry({ base_revision: 2 })], "a", "too long"), "a", { take: "mine" }, again);
    expect(sent).toEqual(entry({ client_id: "new", base_revision: 2 }));
  });
});
