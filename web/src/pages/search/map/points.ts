/** Points of a map, made ready for the canvas. Pure. */
import type { DatasetMap } from "../../../api/search";

export type MapPoint = DatasetMap["points"][number];

/** x and y into -1..1, both by the same scale, so that distances keep their meaning. */
export function fitted(points: readonly MapPoint[]): [number, number][] {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const range = (values: number[]) => values.reduce<[number, number]>(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const [left, right] = range(xs);
  const [low, high] = range(ys);
  const half = Math.max(right - left, high - low) / 2 || 1;
  const [midX, midY] = [(left + right) / 2, (low + high) / 2];
  return points.map(([x, y]) => [((x - midX) / half) * 0.92, ((y - midY) / half) * 0.92]);
}

/** The point nearest to the middle of each cluster: where its label stands. */
export function anchors(points: readonly MapPoint[]): Map<number, number> {
  const sums = new Map<number, { x: number; y: number; n: number }>();
  for (const [x, y, cluster] of points) {
    const sum = sums.get(cluster) ?? { x: 0, y: 0, n: 0 };
    sums.set(cluster, { x: sum.x + x, y: sum.y + y, n: sum.n + 1 });
  }
  const best = new Map<number, { index: number; distance: number }>();
  points.forEach(([x, y, cluster], index) => {
    const sum = sums.get(cluster);
    if (!sum) return;
    const distance = (x - sum.x / sum.n) ** 2 + (y - sum.y / sum.n) ** 2;
    const known = best.get(cluster);
    if (!known || distance < known.distance) best.set(cluster, { index, distance });
  });
  return new Map([...best].map(([cluster, { index }]) => [cluster, index]));
}

const LABEL_HEIGHT_PX = 20;
const LETTER_PX = 7;

/** The labels that fit beside each other, larger clusters first. places: px, by cluster. */
export function fittingLabels(clusters: DatasetMap["clusters"], places: ReadonlyMap<number, [number, number]>): Set<number> {
  const kept: { id: number; x: number; y: number; half: number }[] = [];
  for (const { id, label } of [...clusters].sort((a, b) => b.size - a.size)) {
    const at = places.get(id);
    const half = (label.length * LETTER_PX) / 2 + 7;
    const isFree = at && kept.every((other) => Math.abs(other.y - at[1]) > LABEL_HEIGHT_PX || Math.abs(other.x - at[0]) > other.half + half);
    if (at && isFree) kept.push({ id, x: at[0], y: at[1], half });
  }
  return new Set(kept.map((label) => label.id));
}

/** A hue for each cluster: neighbours in the list are far apart on the wheel. */
export function clusterColour(id: number): string {
  if (id < 0) return "oklch(0.62 0.01 270)";
  return `oklch(0.66 0.14 ${Math.round((id * 137.5 + 265) % 360)})`;
}
