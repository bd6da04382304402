/** The queue, its order, copies of runs, sweeps and measurements: what a team's trainings are steered with. */
import { exchange, request } from "./http";
import type { Job, Metrics } from "./types";

const part = encodeURIComponent;

/** A queue as people see it. waiting: in the order in which the jobs will start. */
export interface Queue {
  name: string;
  paused: { by: string | null; at: string; reason: string | null } | null;
  workers: number;
  running: Job[];
  waiting: Job[];
  may_pause: boolean;
}

export interface Sweep {
  group_id: string;
  jobs: Job[];
}

export const getQueue = (name: string, signal?: AbortSignal) =>
  request<Queue>("GET", `/queues/${part(name)}`, signal ? { signal } : {});
export const pauseQueue = (name: string, reason: string) =>
  request<Queue>("POST", `/queues/${part(name)}/pause`, { json: reason ? { reason } : {} });
export const resumeQueue = (name: string) => request<Queue>("POST", `/queues/${part(name)}/resume`, { json: {} });

/** Moves a waiting job before another one; "": behind all others. */
export const moveJob = (id: string, before: string) => request<Job>("PATCH", `/jobs/${part(id)}`, { json: { before } });
/** 0 goes first, 9 last. */
export const setPriority = (id: string, priority: number) => request<Job>("PATCH", `/jobs/${part(id)}`, { json: { priority } });

/** The series of a job that were written after `since` (0: all), each of at most `points`, and where to go on. */
export async function getMetricsSince(id: string, since: number, points: number, signal: AbortSignal): Promise<{ metrics: Metrics; last: number }> {
  const { body, headers } = await exchange<Metrics>("GET", `/jobs/${part(id)}/metrics?points=${points}&since=${since}`, { signal });
  return { metrics: body, last: Number(headers.get("X-Last-Point") ?? since) };
}

/** The same run again, with what is named here changed. */
export const cloneJob = (id: string, params: Record<string, unknown>) =>
  request<Job>("POST", `/jobs/${part(id)}/clone`, { json: { params } });
/** One run for each learning rate. */
export const startSweep = (dataset: string, params: Record<string, unknown>, lr: number[]) =>
  request<Sweep>("POST", `/datasets/${part(dataset)}/sweep`, { json: { params, lr } });
/** A few steps with these settings, to know their speed and memory; the same one that runs already is given again. */
export const startProbe = (dataset: string, params: Record<string, unknown>) =>
  request<{ job: Job }>("POST", `/datasets/${part(dataset)}/train-probe`, { json: { params } });
