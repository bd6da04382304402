/** Ranges of an axis that move rarely: to round numbers, outwards only. Pure. */

const STEPS = [1, 2, 2.5, 5, 10];
const PARTS = 4;

/** What may lie between two lines of an axis of whole numbers, and of one of durations in seconds. */
export const WHOLE = [0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));
export const DURATIONS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** A round step, about a quarter of the span. */
function roundStep(span: number): number {
  const unit = 10 ** Math.floor(Math.log10(span / PARTS));
  return (STEPS.find((step) => step * unit >= span / PARTS) ?? 10) * unit;
}

/** Round numbers around the values; zero when it is near, and below a flat line. */
export function roundRange(low: number, high: number): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  if (low === high) return low === 0 ? [0, 1] : roundRange(Math.min(0, low * 1.2), Math.max(0, high * 1.2));
  const base = low >= 0 && low < (high - low) * 0.6 ? 0 : low;
  const step = roundStep(high - base);
  const from = Math.floor(base / step + 1e-9) * step;
  return [from, Math.ceil(high / step - 1e-9) * step];
}

/** The range of before, wider if the values need it: what is drawn does not jump while it grows. */
export function steadyRange(before: [number, number] | null, low: number, high: number): [number, number] {
  if (before && low >= before[0] && high <= before[1]) return before;
  if (!before || !Number.isFinite(low)) return roundRange(low, high);
  return roundRange(Math.min(low, before[0]), Math.max(high, before[1]));
}

/** From zero, or what lies below it, to the end that is known beforehand, or the last point. xs: of the points, in order. */
export function xRange(xs: ArrayLike<number>, xMax = xs.length === 0 ? 1 : 0): [number, number] {
  return [Math.min(0, xs[0] ?? 0), Math.max(xMax, xs[xs.length - 1] ?? 0)];
}
