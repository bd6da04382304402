/** Which point of many is nearest to a place: they are sorted into the cells of a grid once. Pure. */
import type { At } from "./view";

const A_CELL = 4; // points in a cell, were they spread evenly

/** Finds the index of the nearest point within a radius; null: there is none. */
export function nearestOf(points: readonly At[]): (at: At, radius: number) => number | null {
  const side = Math.max(1, Math.ceil(Math.sqrt(points.length / A_CELL)));
  const cellOf = (value: number) => Math.min(side - 1, Math.max(0, Math.floor(((value + 1) / 2) * side)));
  const cells = new Map<number, number[]>();
  points.forEach(([x, y], index) => {
    const cell = cellOf(y) * side + cellOf(x);
    const there = cells.get(cell);
    if (there) there.push(index);
    else cells.set(cell, [index]);
  });
  return ([x, y], radius) => {
    let best: number | null = null;
    let least = radius * radius;
    for (let row = cellOf(y - radius); row <= cellOf(y + radius); row += 1) {
      for (let column = cellOf(x - radius); column <= cellOf(x + radius); column += 1) {
        for (const index of cells.get(row * side + column) ?? []) {
          const [px = 0, py = 0] = points[index] ?? [];
          const distance = (px - x) ** 2 + (py - y) ** 2;
          if (distance <= least) [best, least] = [index, distance];
        }
      }
    }
    return best;
  };
}
