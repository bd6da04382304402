/** What the service runs on, and who did what in it. */
import { API, part, query, request, withSignal } from "./http";
import type { AuditPage, SystemOut, WorkerLog, WorkerOut, WorkersOut } from "./schema";

export type { AuditLine, LlmState, SystemOut as System, WorkerOut as Worker } from "./schema";

export const getSystem = (signal?: AbortSignal) => request<SystemOut>("GET", "/system", withSignal(signal));

const workerPath = (name: string): string => `/workers/${part(name)}`;

export const getWorkers = (signal?: AbortSignal) => request<WorkersOut>("GET", "/workers", withSignal(signal));
export const steerWorker = (name: string, order: "drain" | "pause" | "resume" | "stop") =>
  request<WorkerOut>("POST", `${workerPath(name)}/${order}`, { json: {} });
export const resizeWorker = (name: string, concurrency: number) =>
  request<WorkerOut>("PUT", `${workerPath(name)}/concurrency`, { json: { concurrency } });
export const forgetWorker = (name: string) => request<void>("DELETE", workerPath(name));
export const readWorkerLog = (name: string, signal?: AbortSignal) =>
  request<WorkerLog>("GET", `${workerPath(name)}/log`, withSignal(signal));

/** Which lines; empty values are left out. since, until: days or moments as ISO-8601 has them. */
export interface AuditFilter {
  actor: string;
  act: string;
  dataset_id: string;
  since: string;
  until: string;
}

export const readAudit = (filter: AuditFilter, cursor?: string | null, signal?: AbortSignal) =>
  request<AuditPage>("GET", `/audit${query({ ...filter, cursor, limit: 100 })}`, withSignal(signal));
export const auditFile = (filter: AuditFilter, format: "csv" | "jsonl") =>
  `${API}/audit/export${query({ ...filter, format })}`;
