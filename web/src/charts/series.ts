/** Series of metrics, made ready for a chart. Pure. */
import type { MetricPoint } from "../api/jobs";

export interface Series {
  name: string;
  /** A custom property's name, such as "--curve-1". */
  colour: string;
  points: [number, number][];
  dashed?: boolean;
  dots?: boolean;
  /** Its dots are large and filled: they mark a place. */
  marks?: boolean;
}

/** Points over steps or epochs, in order; a later value of the same x wins. */
export function pointsOver(points: readonly Omit<MetricPoint, "time">[] | undefined, axis: "step" | "epoch"): [number, number][] {
  const byX = new Map<number, number>();
  for (const point of points ?? []) {
    const x = axis === "step" ? point.step : (point.epoch ?? point.step);
    if (Number.isFinite(point.value)) byX.set(x, point.value);
  }
  return [...byX].sort((a, b) => a[0] - b[0]);
}

/** The series on one common x axis, gaps as null: what uPlot takes. */
export function aligned(series: readonly Series[]): [number[], ...(number | null)[][]] {
  const xs = [...new Set(series.flatMap((one) => one.points.map(([x]) => x)))].sort((a, b) => a - b);
  const columns = series.map((one) => {
    const values = new Map(one.points);
    return xs.map((x) => values.get(x) ?? null);
  });
  return [xs, ...columns];
}

/** Every n-th point, first and last always there, so that at most `most` remain. */
export function thinned(points: [number, number][], most = 1000): [number, number][] {
  if (points.length <= most) return points;
  const every = Math.ceil(points.length / most);
  return points.filter((_, index) => index % every === 0 || index === points.length - 1);
}

/** The value at x or the nearest one before it. */
export function valueAt(points: readonly [number, number][], x: number): number | null {
  let found: number | null = null;
  for (const [at, value] of points) {
    if (at > x) break;
    found = value;
  }
  return found;
}
