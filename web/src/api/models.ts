/** The registry of models. */
import { part, query, request, withSignal } from "./http";
import type { DatasetOut, Forgetting, JobAnswer, ModelChange, ModelList, ModelOut } from "./schema";

export type { Blend, Forgetting, ModelList, ModelMetrics, ModelOut as Model } from "./schema";
/** Recall at 1, 5 and 10 as fractions: `t2i_r1`, `i2t_r10` and so on. */
export type Recall = Forgetting["before"];

export const listModels = (signal?: AbortSignal) => request<ModelList>("GET", "/models", withSignal(signal));
export const patchModel = (id: string, change: ModelChange) =>
  request<ModelOut>("PATCH", `/models/${part(id)}`, { json: change });
/** Registers weights between a tuned model (alpha 1) and what it began with (alpha 0). */
export const blendModel = (id: string, alpha: number) => request<JobAnswer>("POST", `/models/${part(id)}/blend`, { json: { alpha } });
/** Takes a whole upload, a zip of a model folder, into the registry. */
export const importModel = (upload: string, name: string) => request<JobAnswer>("POST", "/models", { json: { upload, ...(name ? { name } : {}) } });
/** Chooses the model that a dataset is searched with; null: the newest index's. */
export const chooseModel = (dataset: string, model_id: string | null) =>
  request<DatasetOut>("PUT", `/datasets/${part(dataset)}/model`, { json: { model_id } });
/** Deletes a model; `withIndexes` also where a dataset is searched with it; then with its name, as typed. */
export const deleteModel = (id: string, withIndexes: boolean, confirm?: string) =>
  request<null>("DELETE", `/models/${part(id)}${query({ force: withIndexes ? 1 : null, confirm })}`);
export const modelDownload = (id: string) => `/api/v1/models/${part(id)}/download`;
