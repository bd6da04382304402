import { describe, expect, test } from "vitest";
import { nearestOf } from "../../src/pages/search/map/nearest";
import { around, between, HOME, panned, toMap, toScreen, type View, zoomedAt } from "../../src/pages/search/map/view";

const SIZE = { width: 800, height: 400 };

describe("the view of the map", () => {
  test("the middle of the map stands in the middle of the canvas, upwards is up", () => {
    expect(toScreen(HOME, SIZE, [0, 0])).toEqual([400, 200]);
    expect(toScreen(HOME, SIZE, [1, 1])).toEqual([600, 0]);
    expect(toMap(HOME, SIZE, [600, 0])).toEqual([1, 1]);
  });

  test("what the pointer is at stays there while the wheel turns", () => {
    const view: View = { x: 0.2, y: -0.3, zoom: 3 };
    const there = toMap(view, SIZE, [700, 50]);
    const [left, top] = toScreen(zoomedAt(view, SIZE, [700, 50], 1.7), SIZE, there);
    expect(left).toBeCloseTo(700);
    expect(top).toBeCloseTo(50);
  });

  test("the map follows a finger by the same number of px", () => {
    const view: View = { x: 0.2, y: -0.3, zoom: 3 };
    const [left, top] = toScreen(view, SIZE, [0.1, 0.1]);
    const moved = toScreen(panned(view, SIZE, [13, -7]), SIZE, [0.1, 0.1]);
    expect(moved[0]).toBeCloseTo(left + 13);
    expect(moved[1]).toBeCloseTo(top - 7);
  });

  test("a cluster that is zoomed to is whole on the canvas, a single point too", () => {
    const cluster = [[0.1, 0.1], [0.3, 0.15], [0.2, 0.12]] as const;
    const view = around(cluster);
    for (const point of cluster) {
      const [left, top] = toScreen(view, SIZE, point);
      expect(left > 0 && left < SIZE.width && top > 0 && top < SIZE.height).toBe(true);
    }
    expect(view.zoom).toBeGreaterThan(5);
    expect(Number.isFinite(around([[0.5, 0.5]]).zoom)).toBe(true);
    expect(around([])).toEqual(HOME);
  });

  test("a flight begins and ends where it should", () => {
    for (const to of [{ x: 0.5, y: 0.2, zoom: 9 }, { x: 0.5, y: 0.2, zoom: 1 }]) {
      expect(between(HOME, to, 0)).toEqual(HOME);
      const end = between(HOME, to, 1);
      expect([end.x, end.y, end.zoom].map((value) => value.toFixed(9))).toEqual([to.x, to.y, to.zoom].map((value) => value.toFixed(9)));
    }
  });
});

test("the nearest point is the one that looking at all of them finds", () => {
  let seed = 7;
  const random = () => ((seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31) * 2.4 - 1.2; // also outside of -1..1
  const points = Array.from({ length: 500 }, () => [random(), random()] as const);
  const find = nearestOf(points);
  let found = 0;
  for (let turn = 0; turn < 300; turn += 1) {
    const [x, y] = [random(), random()];
    const ranked = points.map(([px, py], index) => [Math.hypot(px - x, py - y), index] as const).sort((a, b) => a[0] - b[0]);
    const expected = ranked[0]![0] <= 0.03 ? ranked[0]![1] : null;
    if (expected !== null) found += 1;
    expect(find([x, y], 0.03)).toBe(expected);
  }
  expect(found).toBeGreaterThan(50);
  expect(nearestOf([])([0, 0], 1)).toBe(null);
});
