import { describe, expect, test } from "vitest";
import { anchors, fitted, fittingLabels } from "../../src/pages/search/map/points";

describe("the map", () => {
  test("points keep their proportions and fit the canvas", () => {
    const placed = fitted([[0, 0, 0, 1], [10, 5, 0, 2]]);
    expect(placed.flat().every((value) => Math.abs(value) <= 1)).toBe(true);
    expect(placed[1]![0] - placed[0]![0]).toBeCloseTo(2 * (placed[1]![1] - placed[0]![1]));
  });

  test("a label stands at the point nearest to its cluster's middle", () => {
    expect(anchors([[0, 0, 4, 1], [1, 0, 4, 2], [2, 0, 4, 3], [9, 9, 5, 4]])).toEqual(new Map([[4, 1], [5, 3]]));
  });

  test("of labels that overlap the larger cluster's stays", () => {
    const clusters = [{ id: 1, label: "small", size: 3 }, { id: 2, label: "large", size: 30 }, { id: 3, label: "far", size: 1 }];
    const places = new Map<number, [number, number]>([[1, [100, 100]], [2, [110, 105]], [3, [400, 100]]]);
    expect(fittingLabels(clusters, places)).toEqual(new Set([2, 3]));
  });
});
