/** The plan of a training, copies of runs, sweeps and measurements. */
import { part, request, withSignal } from "./http";
import type { JobAnswer, JobOut, SweepOut, TrainPlanOut } from "./schema";

export type { GuideFigures, PlannedSetting, SweepOut as Sweep, TrainPlanOut as TrainPlan } from "./schema";

/** The plan of a training. An empty `pretrained` is sent: it means from scratch. */
export function getTrainPlan(id: string, values: Record<string, string | undefined>, signal?: AbortSignal): Promise<TrainPlanOut> {
  const given = Object.entries(values).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return request("GET", `/datasets/${part(id)}/train-plan?${new URLSearchParams(given).toString()}`, withSignal(signal));
}

/** The same run again, with what is named here changed. */
export const cloneJob = (id: string, params: Record<string, unknown>) =>
  request<JobOut>("POST", `/jobs/${part(id)}/clone`, { json: { params } });
/** One run for each learning rate. */
export const startSweep = (dataset: string, params: Record<string, unknown>, lr: number[]) =>
  request<SweepOut>("POST", `/datasets/${part(dataset)}/sweep`, { json: { params, lr } });
/** A few steps with these settings, to know their speed and memory; the same one that runs already is given again. */
export const startProbe = (dataset: string, params: Record<string, unknown>) =>
  request<JobAnswer>("POST", `/datasets/${part(dataset)}/train-probe`, { json: { params } });
