/** Numbers, durations and times as people read them. Pure. */

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;

/** 1240 -> "1,240". */
export function count(value: number): string {
  return whole.format(value);
}

/** (1, "image") -> "1 image"; (1240, "image") -> "1,240 images". */
export function countOf(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** A fraction: 0.312 -> "31 %". */
export function percent(fraction: number, digits = 0): string {
  return `${(fraction * 100).toFixed(digits)} %`;
}

/** A learning rate: 0.00001 -> "1e-5"; 0.00025 -> "2.5e-4"; 0.5 -> "0.5". */
export function rate(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 0.01) return String(Number(value.toPrecision(3)));
  return Number(value.toPrecision(3)).toExponential().replace("e+", "e");
}

/** Any number short: 3.30761 -> "3.308"; 1240 -> "1,240"; 0.00001 -> "1e-5". */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (Number.isInteger(value)) return count(value);
  const size = Math.abs(value);
  if (size < 0.01) return rate(value);
  return size >= 1000 ? count(value) : String(Number(value.toPrecision(4)));
}

/** Seconds: 45 -> "45 s"; 200 -> "3 min"; 5000 -> "1 h 23 min"; 200000 -> "2 d 7 h". */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < MINUTE_S) return `${s} s`;
  if (s < HOUR_S - 30) return `${Math.round(s / MINUTE_S)} min`;
  const minutes = Math.round(s / MINUTE_S);
  if (s < DAY_S) return joined(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(s / HOUR_S);
  return joined(Math.floor(hours / 24), "d", hours % 24, "h");
}

function joined(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

/** Bytes: 1536 -> "1.5 KB". */
export function bytes(size: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let value = size;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : Number(value.toFixed(1))} ${units[unit]}`;
}

/** Parameters of a model: 151277313 -> "151 M". */
export function millions(value: number): string {
  return value >= 1e9 ? `${(value / 1e9).toFixed(1)} B` : `${Number((value / 1e6).toPrecision(3))} M`;
}

/** Milliseconds of an ISO-8601 time; a time without a zone is UTC. */
export function millisOf(iso: string): number {
  return Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(iso) ? iso : `${iso}Z`);
}

/** How long ago: "just now", "5 min ago", "3 d ago". */
export function ago(iso: string, now_ms: number = Date.now()): string {
  const s = (now_ms - millisOf(iso)) / 1000;
  if (!Number.isFinite(s)) return "";
  if (s < 45) return "just now";
  if (s < HOUR_S) return `${Math.max(1, Math.round(s / MINUTE_S))} min ago`;
  if (s < DAY_S) return `${Math.round(s / HOUR_S)} h ago`;
  return `${Math.round(s / DAY_S)} d ago`;
}

/** How long until then: "in 5 min", "in 90 d"; "over" when it has passed. */
export function until(iso: string, now_ms: number = Date.now()): string {
  const s = (millisOf(iso) - now_ms) / 1000;
  if (!(s > 0)) return "over";
  if (s < HOUR_S) return `in ${Math.max(1, Math.round(s / MINUTE_S))} min`;
  return s < DAY_S ? `in ${Math.round(s / HOUR_S)} h` : `in ${Math.round(s / DAY_S)} d`;
}

/** The exact time in the reader's own zone. */
export function exact(iso: string): string {
  const date = new Date(millisOf(iso));
  return Number.isNaN(date.getTime()) ? iso : date.toLocaleString();
}

/** Seconds from a job's start to its end, or to now; null before the start. */
export function tookSeconds(started: string | null, finished: string | null, now_ms = Date.now()): number | null {
  if (!started) return null;
  return Math.max(0, ((finished ? millisOf(finished) : now_ms) - millisOf(started)) / 1000);
}
