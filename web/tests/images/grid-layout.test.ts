import { describe, expect, test } from "vitest";
import { layoutOf, placeAfterKey, rowsInSight } from "../../src/pages/images/grid/grid-layout";

describe("the grid's layout", () => {
  test("cells fill the width, and a phone still shows two beside each other", () => {
    const wide = layoutOf(5000, 1280, "medium");
    expect(wide.columns).toBe(7);
    expect(wide.columns * wide.cell_px + 6 * 8).toBeLessThanOrEqual(1280);
    expect(wide.rows).toBe(Math.ceil(5000 / 7));
    expect(layoutOf(3, 300, "large").columns).toBe(2);
    expect(layoutOf(0, 1280, "small").rows).toBe(0);
  });

  test("only the rows in sight are drawn, however many there are", () => {
    const layout = layoutOf(200_000, 1280, "medium");
    const [from, to] = rowsInSight(layout, 1000 * layout.row_px, 900);
    expect([from, to]).toEqual([997, 1000 + Math.ceil(900 / layout.row_px) + 3]);
    expect(rowsInSight(layout, -500, 900)[0]).toBe(0);
    expect(rowsInSight(layout, 1e9, 900)).toEqual([layout.rows, layout.rows]);
  });

  test.each([
    ["ArrowRight", 2, 3],
    ["ArrowRight", 9, 9],
    ["ArrowLeft", 0, 0],
    ["ArrowDown", 1, 5],
    ["ArrowDown", 6, 9],
    ["ArrowDown", 8, 8],
    ["ArrowUp", 2, 2],
    ["ArrowUp", 6, 2],
    ["Home", 6, 4],
    ["End", 4, 7],
    ["End", 8, 9],
    ["PageDown", 1, 9],
    ["PageUp", 9, 1],
    ["x", 1, null],
  ] as const)("%s leads from place %i to %s of ten in rows of four", (key, at, to) => {
    expect(placeAfterKey(at, { key, ctrl: false }, 10, 4, 3)).toBe(to);
  });

  test("Ctrl with Home and End leads to the very first and last", () => {
    expect(placeAfterKey(6, { key: "Home", ctrl: true }, 10, 4, 3)).toBe(0);
    expect(placeAfterKey(6, { key: "End", ctrl: true }, 10, 4, 3)).toBe(9);
  });
});
