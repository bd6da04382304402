import { describe, expect, test } from "vitest";
import { positionIn, reachesFarEnough } from "../../src/pages/captions/caption/navigation/neighbour-window";

describe("the window of neighbours", () => {
  const stretch = { ids: [2, 5, 9, 12, 20], anchor: 9, position: 43, total: 340 };

  test("the place among all that fit follows the steps", () => {
    expect([5, 9, 12, 20].map((id) => positionIn(stretch, id))).toEqual([42, 43, 44, 45]);
  });

  test("an image that no longer fits stands behind those before it", () => {
    expect(positionIn({ ...stretch, ids: [2, 5, 12], anchor: 9 }, 9)).toBe(43);
  });

  test("a stretch with room on both sides is enough, at its end it is not", () => {
    const ids = Array.from({ length: 29 }, (_, at) => at + 1);
    const long = { ids, anchor: 15, position: 15, total: 100 };
    expect([reachesFarEnough(long, 15), reachesFarEnough(long, 22), reachesFarEnough(long, 27), reachesFarEnough(long, 40)]).toEqual([true, true, false, false]);
  });

  test("at the ends of the list nothing more is asked for", () => {
    expect([reachesFarEnough({ ids: [1, 2, 3], anchor: 2, position: 2, total: 3 }, 3), reachesFarEnough({ ids: [], anchor: 2, position: 0, total: 0 }, 2)]).toEqual([true, true]);
  });
});
