import { expect, test } from "vitest";
import { takeOver } from "../../src/state/captions/former-names";
import { loadEntries } from "../../src/state/captions/outbox";
import { MapStorage } from "../fixtures/map-storage";

const entry = (client_id: string, author: string) => JSON.stringify({ client_id, author, image_id: 1, slot: 0, text: "a cat", state: "saving", typed_at_ms: 1 });

test("what was typed under an earlier name is sent and shown under the new one, and nobody else's is", () => {
  const storage = new MapStorage();
  storage.setItem("clip-browser.outbox.one", entry("one", "ada"));
  storage.setItem("clip-browser.outbox.two", entry("two", "ben"));
  storage.setItem("clip-browser.draft.ada.7.0", "typed");
  storage.setItem("clip-browser.draft.ben.7.0", "his");
  takeOver(storage, ["ada"], "Ada Lovelace");
  expect(loadEntries(storage, "Ada Lovelace").map((one) => one.client_id)).toEqual(["one"]);
  expect(loadEntries(storage, "ben").map((one) => one.client_id)).toEqual(["two"]);
  expect(storage.getItem("clip-browser.draft.Ada%20Lovelace.7.0")).toBe("typed");
  expect(storage.getItem("clip-browser.draft.ada.7.0")).toBeNull();
  expect(storage.getItem("clip-browser.draft.ben.7.0")).toBe("his");
});

test("a draft under the new name is not written over", () => {
  const storage = new MapStorage();
  storage.setItem("clip-browser.draft.ada.7.0", "old");
  storage.setItem("clip-browser.draft.Grace.7.0", "new");
  takeOver(storage, ["ada"], "Grace");
  expect(storage.getItem("clip-browser.draft.Grace.7.0")).toBe("new");
});
