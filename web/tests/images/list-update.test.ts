import { describe, expect, test } from "vitest";
import { partsOf, updatedList } from "../../src/pages/images/list/list-update";

const IDS = [10, 20, 30, 40, 50, 60, 70];

describe("a list that changes", () => {
  test("new images behind the last one are shown at once, other changes wait", () => {
    expect(updatedList([], [1, 2])).toEqual({ ids: [1, 2], waiting: 0 });
    expect(updatedList([1, 2, 3], [1, 2, 3, 4, 5])).toEqual({ ids: [1, 2, 3, 4, 5], waiting: 0 });
    expect(updatedList([1, 3, 5], [1, 2, 5, 6])).toEqual({ ids: [1, 3, 5, 6], waiting: 2 });
    const same = [1, 2];
    expect(updatedList(same, [1, 2]).ids).toBe(same);
  });

  test("records are fetched in whole parts", () => {
    expect(partsOf(IDS, 2, 4, 3)).toEqual([[10, 20, 30], [40, 50, 60]]);
    expect(partsOf(IDS, 6, 100, 3)).toEqual([[70]]);
    expect(partsOf([], 0, 10, 3)).toEqual([]);
  });
});
