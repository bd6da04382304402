/** The plan of a training, copies of runs, sweeps and measurements. */
import { part, request, withSignal } from "./http";
import type { Job } from "./jobs";

export interface Planned {
  value: number | string;
  auto: boolean;
  why: string;
}

export interface TrainPlan {
  settings: Record<string, Planned | string | number>;
  rows: number;
  images: number;
  val_images: number;
  steps: number;
  steps_per_epoch: number;
  estimated_s: number | null;
  memory_gb: number | null;
  device: string;
  gpus?: number;
  memory_note?: string | null;
  /** What the time was told by; null: nothing like it was measured on this machine. */
  estimated_from?: { source: "run" | "probe"; job_id: string; device: string | null; at: string | null } | null;
  /** The user guide's own figures for this model. hours: least, most; scaled_hours: for this run's size. */
  guide?: { hours: number[]; memory_gb: number; images: number; epochs: number; scaled_hours?: number[] } | null;
  lr_curve: [number, number][];
  warnings: string[];
  defaults: Record<string, number | string>;
  defaults_why: string;
}

export interface Sweep {
  group_id: string;
  jobs: Job[];
}

/** The plan of a training. An empty `pretrained` is sent: it means from scratch. */
export function getTrainPlan(id: string, values: Record<string, string | undefined>, signal?: AbortSignal): Promise<TrainPlan> {
  const given = Object.entries(values).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return request("GET", `/datasets/${part(id)}/train-plan?${new URLSearchParams(given).toString()}`, withSignal(signal));
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
