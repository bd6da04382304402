/** What events tell between two answers about a run's series. Pure. */
import type { Job, MetricPoint, Metrics } from "../../../api/jobs";

const MINUTE_MS = 60_000;
/** A rest longer than this, such as between a stop and its resume, is no working time. */
const REST_MS = 30_000;

/** The newest figures of a run's progress record as points; they belong to the last step that is done. */
export function livePoints(progress: Job["progress"], now: Date): Metrics {
  const { done, metrics } = progress;
  if (done === null || done < 1) return {};
  const point = (value: number): MetricPoint => ({ step: done - 1, epoch: null, value, time: now.toISOString() });
  const measured = Object.entries(metrics).filter((pair): pair is [string, number] => pair[1] !== null);
  return Object.fromEntries(measured.map(([name, value]) => [name.includes("/") ? name : `train/${name}`, [point(value)]]));
}

/** Series of the machine go by time: several of their points stand at one step. */
const isOfMachine = (name: string): boolean => name.startsWith("system/");

/** Series with what was written since behind them; a run that was resumed says some steps again, and that counts. */
export function appended(known: Metrics, fresh: Metrics): Metrics {
  const longer = Object.entries(fresh).flatMap(([name, points]): [string, MetricPoint[]][] => {
    const first = points[0];
    if (!first) return [];
    const old = known[name] ?? [];
    return [[name, [...(isOfMachine(name) ? old : old.filter((point) => point.step < first.step)), ...points]]];
  });
  return longer.length === 0 ? known : { ...known, ...Object.fromEntries(longer) };
}

/** Series with the points of `tail` that are newer than they are. */
export function joined(metrics: Metrics, tail: Metrics): Metrics {
  const names = Object.keys(tail).filter((name) => metrics[name] !== undefined || name.startsWith("train/"));
  const longer = names.map((name) => {
    const known = metrics[name] ?? [];
    const last = known.at(-1)?.step ?? -1;
    return [name, [...known, ...(tail[name] ?? []).filter((point) => point.step > last)]];
  });
  return { ...metrics, ...(Object.fromEntries(longer) as Metrics) };
}

/** Points over the minutes of work: a rest between a stop and its resume takes no room. */
export function overMinutes(points: readonly MetricPoint[] | undefined): [number, number][] {
  let worked_ms = 0;
  let before_ms: number | null = null;
  const placed: [number, number][] = [];
  for (const { time, value } of points ?? []) {
    const at_ms = Date.parse(time);
    if (!Number.isFinite(at_ms) || !Number.isFinite(value)) continue;
    const since_ms = before_ms === null ? 0 : at_ms - before_ms;
    worked_ms += since_ms > REST_MS || since_ms < 0 ? 1000 : since_ms;
    before_ms = at_ms;
    placed.push([worked_ms / MINUTE_MS, value]);
  }
  return placed;
}
