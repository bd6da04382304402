import { describe, expect, test } from "vitest";
import type { Variant, VariantState } from "../../src/api/augment";
import { actOf, groupsOf, movedTo, nextOpen, parseReview, recounted, reviewQuery, scoreText, undoChanges } from "../../src/pages/augment/review/decisions";
import { parseRoute } from "../../src/routing/routes";

const variant = (id: number, image_id: number, state: VariantState = "proposed", slot = 0) =>
  ({ id, image_id, slot, state, text: `words ${id}`, proposed: `words ${id}` }) as Variant;
const held = { ctrlKey: false, altKey: false, metaKey: false, isComposing: false };

describe("variants on the page", () => {
  test("variants of one caption stand together, those of another caption of the image apart", () => {
    const groups = groupsOf([variant(1, 7), variant(2, 7), variant(3, 7, "proposed", 1), variant(4, 8)]);
    expect(groups.map((group) => group.variants.map((one) => one.id))).toEqual([[1, 2], [3], [4]]);
    expect(groups.map((group) => group.key)).toEqual(["7.0", "7.1", "8.0"]);
    expect(groupsOf([])).toEqual([]);
  });

  test("moving stays within the list and begins at its start", () => {
    const all = [variant(1, 7), variant(2, 7), variant(3, 8)];
    expect([movedTo(all, null, 1), movedTo(all, 1, 1), movedTo(all, 3, 1), movedTo(all, 1, -1)]).toEqual([1, 2, 3, 1]);
    expect(movedTo([], null, 1)).toBeNull();
  });

  test("after a decision the next one that nobody decided on is active", () => {
    const all = [variant(1, 7), variant(2, 7, "rejected"), variant(3, 8), variant(4, 8, "accepted")];
    expect([nextOpen(all, 1), nextOpen(all, 3), nextOpen(all, 4)]).toEqual([3, 4, 4]);
  });

  test("counts follow one decision", () => {
    const counts = { proposed: 3, accepted: 0, edited: 0, rejected: 1 };
    expect(recounted(counts, "proposed", "rejected")).toEqual({ proposed: 2, accepted: 0, edited: 0, rejected: 2 });
    expect(recounted(counts, "rejected", "rejected")).toBe(counts);
  });
});

describe("taking a decision back", () => {
  test("what was to review is to review again", () => {
    expect(undoChanges(variant(1, 7))).toEqual([{ state: "proposed" }]);
  });

  test("an edited text comes back, also where it was rejected", () => {
    expect(undoChanges({ ...variant(1, 7, "edited"), text: "mine" })).toEqual([{ text: "mine" }]);
    expect(undoChanges({ ...variant(1, 7, "rejected"), text: "mine" })).toEqual([{ text: "mine" }, { state: "rejected" }]);
  });
});

describe("keys", () => {
  test("letters decide, in small letters or capitals, unless something is typed or held", () => {
    expect(["a", "R", "e", "j", "k", "u", "x"].map((key) => actOf({ key, ...held }, false))).toEqual(["accept", "reject", "edit", "next", "previous", "undo", null]);
    expect(actOf({ key: "a", ...held }, true)).toBeNull();
    expect(actOf({ key: "r", ...held, ctrlKey: true }, false)).toBeNull();
  });
});

describe("addresses and words", () => {
  test("a filter survives the address, and what is to review is the plain one", () => {
    for (const filter of [{ state: "proposed" as const }, {}, { state: "rejected" as const, q: "a cat & dog", doubted: true }]) {
      expect(parseReview(new URLSearchParams(reviewQuery(filter)))).toEqual(filter);
    }
    expect(reviewQuery({ state: "proposed" })).toBe("");
    expect(parseReview(new URLSearchParams("state=lost&doubted=maybe"))).toEqual({ state: "proposed" });
  });

  test("the page has an address in its dataset", () => {
    expect(parseRoute("/d/birds/review-variants")).toEqual({ page: "review-variants", dataset: "birds" });
  });

  test("scores have two digits and a real minus", () => {
    expect([scoreText(0.617), scoreText(-0.05), scoreText(1)]).toEqual(["0.62", "\u22120.05", "1.00"]);
  });
});
