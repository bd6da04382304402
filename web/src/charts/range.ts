/** Ranges of an axis that move rarely: to round numbers, outwards only. Pure. */

const STEPS = [1, 2, 2.5, 5, 10];
const PARTS = 4;

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
