import { describe, expect, test } from "vitest";
import { fittingAddress } from "../../src/pages/images/list/fitting-address";
import { clicked, everything, extended, inOrder, kept, NONE, only, portions, toggled } from "../../src/pages/images/list/selection";
import { filterQuery, parseFilter } from "../../src/text/images/image-filter";

const IDS = [10, 20, 30, 40, 50, 60, 70];
const plain = { shiftKey: false, ctrlKey: false, metaKey: false };

describe("choosing images", () => {
  test("a click chooses one, Ctrl or Cmd one more or less, Shift a range", () => {
    let now = clicked(NONE, 20, IDS, plain, false);
    now = clicked(now, 40, IDS, { ...plain, ctrlKey: true }, false);
    expect(inOrder(now, IDS)).toEqual([20, 40]);
    expect(inOrder(clicked(now, 60, IDS, { ...plain, shiftKey: true }, false), IDS)).toEqual([40, 50, 60]);
    expect(inOrder(clicked(now, 60, IDS, { ...plain, shiftKey: true, metaKey: true }, false), IDS)).toEqual([20, 40, 50, 60]);
    expect(inOrder(clicked(now, 20, IDS, { ...plain, metaKey: true }, false), IDS)).toEqual([40]);
    expect(inOrder(clicked(now, 70, IDS, plain, false), IDS)).toEqual([70]);
  });

  test("a finger adds and takes away", () => {
    const two = clicked(clicked(NONE, 10, IDS, plain, true), 30, IDS, plain, true);
    expect(inOrder(two, IDS)).toEqual([10, 30]);
  });

  test("a range goes backwards too, and turns around its anchor", () => {
    const back = extended(only(40), 20, IDS);
    expect(inOrder(back, IDS)).toEqual([20, 30, 40]);
    expect(inOrder(extended(back, 60, IDS), IDS)).toEqual([40, 50, 60]);
    expect(inOrder(extended(NONE, 30, IDS), IDS)).toEqual([30]);
  });

  test("what is gone from the list is no longer chosen", () => {
    const all = everything(IDS);
    expect(kept(all, IDS)).toBe(all);
    expect(inOrder(kept(all, [20, 30]), [20, 30])).toEqual([20, 30]);
    expect(kept(only(10), [20]).anchor).toBeNull();
    expect(toggled(only(10), 10).chosen.size).toBe(0);
  });

  test("many are sent in portions, and an address takes as many as fit", () => {
    expect(portions([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(portions([], 2)).toEqual([]);
    const many = Array.from({ length: 5000 }, (_, index) => index + 100_000);
    const part = fittingAddress(many);
    expect(filterQuery({ ids: part }).length).toBeLessThan(3600);
    expect(part.length).toBeGreaterThan(300);
    expect(fittingAddress([1, 2])).toEqual([1, 2]);
    expect(parseFilter(new URLSearchParams(filterQuery({ ids: [3, 1] }))).ids).toEqual([3, 1]);
    expect(parseFilter(new URLSearchParams("ids=1,x")).ids).toBeUndefined();
  });
});
