import "./spark.css";

const WIDTH = 300;
const HEIGHT = 84;
const EDGE = 3;

/** A small curve without axes. points: [x, y], in order. */
export function Spark({ points, name }: { points: readonly [number, number][]; name: string }) {
  const xMax = Math.max(1, ...points.map(([x]) => x));
  const yMax = Math.max(Number.MIN_VALUE, ...points.map(([, y]) => y));
  const path = points
    .map(([x, y]) => `${(EDGE + (x / xMax) * (WIDTH - 2 * EDGE)).toFixed(1)},${(HEIGHT - EDGE - (y / yMax) * (HEIGHT - 2 * EDGE)).toFixed(1)}`)
    .join(" ");
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={name} preserveAspectRatio="none">
      <line x1="0" x2={WIDTH} y1={HEIGHT - 1} y2={HEIGHT - 1} />
      <polyline points={path} />
    </svg>
  );
}
