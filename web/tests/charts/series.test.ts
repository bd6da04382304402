import { describe, expect, test } from "vitest";
import { aligned, pointsOver, thinned, valueAt } from "../../src/charts/series";

describe("charts", () => {
  test("a repeated step after a resume shows its later value", () => {
    const points = [1, 2, 2].map((step, index) => ({ step, epoch: step, value: index }));
    expect(pointsOver(points, "step")).toEqual([[1, 0], [2, 2]]);
  });

  test("series of different steps share one axis with gaps", () => {
    const series = [{ name: "a", colour: "", points: [[1, 5], [3, 6]] as [number, number][] }, { name: "b", colour: "", points: [[2, 7]] as [number, number][] }];
    expect(aligned(series)).toEqual([[1, 2, 3], [5, null, 6], [null, 7, null]]);
  });

  test("thinning keeps the first and the last point", () => {
    const points = Array.from({ length: 2500 }, (_, index) => [index, index] as [number, number]);
    const few = thinned(points, 1000);
    expect(few.length).toBeLessThanOrEqual(1001);
    expect([few[0], few.at(-1)]).toEqual([[0, 0], [2499, 2499]]);
  });

  test("the readout takes the value before the cursor", () => {
    const points: [number, number][] = [[1, 10], [5, 20]];
    expect([valueAt(points, 0), valueAt(points, 4), valueAt(points, 9)]).toEqual([null, 10, 20]);
  });
});
