/** Work per day, made ready for bars. Pure. */

export interface DayWork {
  day: string;
  captions: number;
  reviews: number;
}

const DAY_MS = 86_400_000;

/** The last `days` days up to `today` (both in UTC), each with everybody's work; days of rest are zero. */
export function lastDays(rows: readonly DayWork[], today: Date, days: number): DayWork[] {
  const end_ms = Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate());
  return Array.from({ length: days }, (_, index) => {
    const day = new Date(end_ms - (days - 1 - index) * DAY_MS).toISOString().slice(0, 10);
    const those = rows.filter((row) => row.day === day);
    const sum = (key: "captions" | "reviews") => those.reduce((total, row) => total + row[key], 0);
    return { day, captions: sum("captions"), reviews: sum("reviews") };
  });
}

/** A round number at or above the largest value: the top of the axis. */
export function roundTop(largest: number): number {
  if (largest <= 5) return 5;
  const unit = 10 ** Math.floor(Math.log10(largest));
  return ([1, 1.5, 2, 3, 4, 5, 8, 10].find((step) => step * unit >= largest) ?? 10) * unit;
}

const shown = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** "2026-11-23" -> "23 Nov". */
export const dayWord = (day: string): string => shown.format(new Date(`${day}T00:00:00Z`));
