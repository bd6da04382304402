import type { Tone } from "../text/tone";
import "./progress.css";

/** A bar. value: 0..1, or null while nobody knows. */
export function Progress({ value, label, tone = "running" }: { value: number | null; label: string; tone?: Tone }) {
  const look = ["progress", tone, value === null && "unknown"].filter(Boolean).join(" ");
  const now = value === null ? undefined : Math.round(value * 100);
  return (
    <span class={look} role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={now}>
      <span style={now === undefined ? undefined : { width: `${now}%` }} />
    </span>
  );
}
