import { describe, expect, test } from "vitest";
import { freeSlot, slotBeside } from "../../src/pages/captions/caption/write/slot-order";

describe("several captions", () => {
  test("one more caption takes the first free place, up to ten", () => {
    expect([freeSlot([0]), freeSlot([0, 2]), freeSlot(Array.from({ length: 10 }, (_, at) => at))]).toEqual([1, 1, null]);
  });

  test("the keys go round", () => {
    expect([slotBeside([0, 1, 3], 3, 1), slotBeside([0, 1, 3], 0, -1), slotBeside([0, 1, 3], 1, 1)]).toEqual([0, 3, 3]);
  });
});
