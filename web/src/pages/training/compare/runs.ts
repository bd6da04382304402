/** The runs that are compared, kept current while they go on. */
import { useEffect, useState } from "preact/hooks";
import { getJob, getMetrics, type Job, type Metrics } from "../../../api/jobs";
import { acceptJob, jobById } from "../../../state/jobs/live-jobs";
import { type Resource, useResource } from "../../../state/resource";
import { isActive, jobTitle } from "../../../text/jobs/job-words";

export const MOST_RUNS = 6;
const COLOURS = ["--curve-1", "--curve-2", "--curve-3", "--curve-4", "--curve-5", "--curve-6"];
const EVERY_MS = 3000;
const POINTS = 600;

export interface Run {
  job: Job;
  metrics: Metrics;
  colour: string;
  /** A colour for the second time: its line is dashed. */
  dashed: boolean;
  /** "1. sweep 3e-5": told apart also where two have one name. */
  label: string;
  modelId: string | null;
}

/** Grows every 3 s while `isOn` and the tab is seen. */
function useTicks(isOn: boolean): number {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (!isOn) return undefined;
    const timer = window.setInterval(() => document.hidden || setTick((old) => old + 1), EVERY_MS);
    return () => clearInterval(timer);
  }, [isOn]);
  return tick;
}

export function runOf(job: Job, metrics: Metrics, index: number): Run {
  return {
    job,
    metrics,
    colour: COLOURS[index % COLOURS.length] ?? "--curve-1",
    dashed: index >= COLOURS.length,
    label: `${index + 1}. ${jobTitle(job)}`,
    modelId: typeof job.result?.model_id === "string" ? job.result.model_id : null,
  };
}

const loadJobs = (ids: string[], stop: AbortSignal): Promise<Job[]> => Promise.all(ids.map(async (id) => acceptJob(await getJob(id, stop))));
const loadMetrics = (ids: string[], stop: AbortSignal): Promise<Metrics[]> => Promise.all(ids.map((id) => getMetrics(id, stop, POINTS)));

/** The runs with their curves; both follow what goes on. Each id also needs a `Follow`. */
export function useRuns(ids: string[]): Resource<Run[]> {
  const first = useResource((stop) => loadJobs(ids, stop), [ids]);
  const jobs = first.data?.map((job) => jobById(job.id) ?? job);
  const active = jobs?.filter((job) => isActive(job.state)).length ?? 0;
  const metrics = useResource((stop) => loadMetrics(ids, stop), [ids], `${active} ${useTicks(active > 0)}`);
  const runs = jobs && metrics.data && jobs.map((job, index) => runOf(job, metrics.data?.[index] ?? {}, index));
  return { ...first, data: runs, error: first.error ?? metrics.error, reload: first.error ? first.reload : metrics.reload, set: () => undefined };
}
