import { describe, expect, test } from "vitest";
import { roundRange, steadyRange } from "../../src/charts/range";

describe("axes", () => {
  test("ranges end at round numbers, with zero where it is near", () => {
    expect([roundRange(0.4, 3.3), roundRange(90, 97), roundRange(NaN, NaN), roundRange(2, 2), roundRange(0, 0)]).toEqual([[0, 4], [90, 98], [0, 1], [0, 3], [0, 1]]);
  });

  test("a range only grows, so that the curve does not jump", () => {
    const first = steadyRange(null, 1, 3.3);
    expect(steadyRange(first, 2, 3)).toBe(first);
    expect(steadyRange(first, 1, 9)).toEqual([0, 10]);
  });
});
