/** Jobs, their series and logs, and the queues they wait in. */
import { exchange, type Page, part, type Problem, query, request, withSignal } from "./http";

export type JobKind =
  | "sample"
  | "ingest"
  | "import_captions"
  | "split"
  | "augment"
  | "train"
  | "index"
  | "map";

export type JobState = "queued" | "running" | "stopping" | "succeeded" | "failed" | "stopped";

export interface Progress {
  done: number | null;
  total: number | null;
  unit: string | null;
  message: string | null;
  metrics: Record<string, number>;
  eta_s: number | null;
}

export interface Job {
  id: string;
  kind: JobKind | string;
  state: JobState;
  seq: number;
  progress: Progress;
  params: Record<string, unknown>;
  result: Record<string, unknown> | null;
  error: Problem | null;
  notes: string[];
  queue: string;
  queue_position: number | null;
  eta_s: number | null;
  priority: number;
  attempt: number;
  dataset_id: string | null;
  created_by: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  stop_requested: string | null;
  after_job_id: string | null;
  resumable: boolean;
  /** Runs that were started together, such as those of a sweep. */
  group_id?: string | null;
  /** Of what waits or runs; null while nobody can tell. */
  estimated_start?: string | null;
  estimated_end?: string | null;
  /** Why it waits. */
  queue_reason?: string | null;
}

export interface MetricPoint {
  step: number;
  epoch: number | null;
  value: number;
  time?: string;
}

export type Metrics = Record<string, MetricPoint[]>;

/** A queue as people see it. waiting: in the order in which the jobs will start. */
export interface Queue {
  name: string;
  paused: { by: string | null; at: string; reason: string | null } | null;
  workers: number;
  running: Job[];
  waiting: Job[];
  may_pause: boolean;
}

export interface JobFilter {
  state?: string | undefined;
  kind?: string | undefined;
  dataset_id?: string | undefined;
  group_id?: string | undefined;
  limit?: number | undefined;
}

export const startJob = (id: string, kind: string, params: Record<string, unknown>, after?: string) =>
  request<Job>("POST", `/datasets/${part(id)}/jobs`, {
    json: { kind, params, ...(after ? { after_job_id: after } : {}) },
  });
export const listJobs = (filter: JobFilter, signal?: AbortSignal) =>
  request<Page<Job>>("GET", `/jobs${query({ ...filter })}`, withSignal(signal));
export const getJob = (id: string, signal?: AbortSignal) =>
  request<Job>("GET", `/jobs/${part(id)}`, withSignal(signal));
export const stopJob = (id: string, mode: "save" | "kill") =>
  request<Job>("POST", `/jobs/${part(id)}/stop`, { json: { mode } });
export const resumeJob = (id: string) => request<Job>("POST", `/jobs/${part(id)}/resume`, { json: {} });
export const retryJob = (id: string) => request<Job>("POST", `/jobs/${part(id)}/retry`, { json: {} });
/** Moves a waiting job before another one; "": behind all others. */
export const moveJob = (id: string, before: string) => request<Job>("PATCH", `/jobs/${part(id)}`, { json: { before } });
/** 0 goes first, 9 last. */
export const setPriority = (id: string, priority: number) => request<Job>("PATCH", `/jobs/${part(id)}`, { json: { priority } });
/** The series of a job, each of at most `points` values. */
export const getMetrics = (id: string, signal?: AbortSignal, points?: number) =>
  request<Metrics>("GET", `/jobs/${part(id)}/metrics${query({ points })}`, withSignal(signal));

/** The series of a job that were written after `since` (0: all), each of at most `points`, and where to go on. */
export async function getMetricsSince(id: string, since: number, points: number, signal: AbortSignal): Promise<{ metrics: Metrics; last: number }> {
  const { body, headers } = await exchange<Metrics>("GET", `/jobs/${part(id)}/metrics?points=${points}&since=${since}`, withSignal(signal));
  return { metrics: body, last: Number(headers.get("X-Last-Point") ?? since) };
}

/** The log from character `offset` on, and where it goes on. */
export async function getLog(id: string, offset: number, signal?: AbortSignal): Promise<{ text: string; next: number }> {
  const answer = await exchange<string | null>("GET", `/jobs/${part(id)}/log?offset=${offset}`, {
    headers: { Accept: "text/plain" },
    ...withSignal(signal),
  });
  const text = typeof answer.body === "string" ? answer.body : "";
  return { text, next: Number(answer.headers.get("X-Next-Offset") ?? offset + text.length) };
}

export const getQueue = (name: string, signal?: AbortSignal) =>
  request<Queue>("GET", `/queues/${part(name)}`, withSignal(signal));
export const pauseQueue = (name: string, reason: string) =>
  request<Queue>("POST", `/queues/${part(name)}/pause`, { json: reason ? { reason } : {} });
export const resumeQueue = (name: string) => request<Queue>("POST", `/queues/${part(name)}/resume`, { json: {} });
