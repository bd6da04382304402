/** Jobs, their series and logs, and the queues they wait in. */
import { exchange, part, query, request, withSignal } from "./http";
import type { JobList, JobOut, Metrics, NewJob, QueueHistory, QueueOut, Stop } from "./schema";

/** The params and the result of a job are other ones for each kind: who shows a kind says what it reads of them. */
export type { JobList, JobOut as Job, MetricPoint, Metrics, Progress, QueueOut as Queue } from "./schema";
export type JobState = JobOut["state"];
/** The kinds that a person may ask for. */
export type JobKind = NewJob["kind"];

export interface JobFilter {
  state?: string | undefined;
  kind?: string | undefined;
  dataset_id?: string | undefined;
  group_id?: string | undefined;
  limit?: number | undefined;
}

export const startJob = (id: string, kind: JobKind, params: Record<string, unknown>) =>
  request<JobOut>("POST", `/datasets/${part(id)}/jobs`, { json: { kind, params } });
export const listJobs = (filter: JobFilter, signal?: AbortSignal) =>
  request<JobList>("GET", `/jobs${query({ ...filter })}`, withSignal(signal));
export const getJob = (id: string, signal?: AbortSignal) =>
  request<JobOut>("GET", `/jobs/${part(id)}`, withSignal(signal));
export const stopJob = (id: string, mode: Stop["mode"]) =>
  request<JobOut>("POST", `/jobs/${part(id)}/stop`, { json: { mode } });
export const resumeJob = (id: string) => request<JobOut>("POST", `/jobs/${part(id)}/resume`, { json: {} });
export const retryJob = (id: string) => request<JobOut>("POST", `/jobs/${part(id)}/retry`, { json: {} });
/** Moves a waiting job before another one; "": behind all others. */
export const moveJob = (id: string, before: string) => request<JobOut>("PATCH", `/jobs/${part(id)}`, { json: { before } });
/** 0 goes first, 9 last. */
export const setPriority = (id: string, priority: number) => request<JobOut>("PATCH", `/jobs/${part(id)}`, { json: { priority } });
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
  request<QueueOut>("GET", `/queues/${part(name)}`, withSignal(signal));
export const pauseQueue = (name: string, reason: string) =>
  request<QueueOut>("POST", `/queues/${part(name)}/pause`, { json: reason ? { reason } : {} });
/** kind: "" for all kinds together. most: null for no limit. */
export const limitQueue = (name: string, kind: string, most: number | null) =>
  request<QueueOut>("PUT", `/queues/${part(name)}/limits`, { json: { kind, most } });
export const queueHistory = (name: string, hours: number, signal?: AbortSignal) =>
  request<QueueHistory>("GET", `/queues/${part(name)}/history${query({ hours })}`, withSignal(signal));
export const resumeQueue = (name: string) => request<QueueOut>("POST", `/queues/${part(name)}/resume`, { json: {} });
