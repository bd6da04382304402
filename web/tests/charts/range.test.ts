import { describe, expect, test } from "vitest";
import { roundRange, steadyRange, xRange } from "../../src/charts/range";

describe("axes", () => {
  test("ranges end at round numbers, with zero where it is near", () => {
    expect([roundRange(0.4, 3.3), roundRange(90, 97), roundRange(NaN, NaN), roundRange(2, 2), roundRange(0, 0)]).toEqual([[0, 4], [90, 98], [0, 1], [0, 3], [0, 1]]);
  });

  test("a range only grows, so that the curve does not jump", () => {
    const first = steadyRange(null, 1, 3.3);
    expect(steadyRange(first, 2, 3)).toBe(first);
    expect(steadyRange(first, 1, 9)).toEqual([0, 10]);
  });

  test("one point alone moves neither end of x", () => {
    expect([xRange([24], 24), xRange([0], 10), xRange([], 24), xRange([-0.2, 3], 24), xRange([0, 30], 24)]).toEqual([[0, 24], [0, 10], [0, 24], [-0.2, 24], [0, 30]]);
    expect([xRange([]), xRange([0]), xRange([0, 7])]).toEqual([[0, 1], [0, 0], [0, 7]]);
  });
});
