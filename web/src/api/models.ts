/** The registry of models. */
import type { Dataset } from "./datasets";
import { type Page, part, request, withSignal } from "./http";
import type { Job } from "./jobs";

/** Recall at 1, 5 and 10 as fractions: `t2i_r1`, `i2t_r10` and so on. */
export type Recall = Record<string, number>;

/** What a run kept of what the model could do before, on images it did not train on. */
export interface Forgetting {
  images: number;
  before: Recall;
  after: Recall;
}

/** The weights between base (alpha 0) and tuned (alpha 1), measured. forgetting: recall@1 on the probe images. */
export type Blend = { alpha: number; forgetting: number | null } & Record<string, number | null>;

export interface ModelMetrics {
  recall_before?: Recall | null;
  recall_after?: Recall | null;
  best_epoch?: number | null;
  forgetting?: Forgetting | null;
  blends?: Blend[] | null;
  best_alpha?: number | null;
}

export interface Model {
  id: string;
  name: string;
  kind: "catalogue" | "finetuned";
  architecture: string;
  pretrained: string[] | string | null;
  parameters: number | null;
  image_size: number | null;
  embed_dim: number | null;
  weights: "cached" | "not here" | "own" | "none" | string;
  recommended: boolean;
  description: string | null;
  dataset_id: string | null;
  job_id: string | null;
  metrics: ModelMetrics | null;
  params: Record<string, unknown> | null;
  created_at: string | null;
  created_by?: string | null;
  note: string | null;
  folder: string | null;
  indexes: string[];
  tags: string[];
  source: "trained" | "blended" | "imported" | null;
  lineage: Record<string, unknown> | null;
  /** Datasets that are searched with it unless somebody chooses another one. */
  is_default_for: string[];
  /** What it began with: a catalogue reference, a model's id, or "". */
  base: string | null;
}

export const listModels = (signal?: AbortSignal) => request<Page<Model>>("GET", "/models", withSignal(signal));
export const patchModel = (id: string, change: { name?: string; note?: string; tags?: string[] }) =>
  request<Model>("PATCH", `/models/${part(id)}`, { json: change });
/** Registers weights between a tuned model (alpha 1) and what it began with (alpha 0). */
export const blendModel = (id: string, alpha: number) => request<{ job: Job }>("POST", `/models/${part(id)}/blend`, { json: { alpha } });
/** Takes a whole upload, a zip of a model folder, into the registry. */
export const importModel = (upload: string, name: string) => request<{ job: Job }>("POST", "/models", { json: { upload, ...(name ? { name } : {}) } });
/** Chooses the model that a dataset is searched with; null: the newest index's. */
export const chooseModel = (dataset: string, model_id: string | null) =>
  request<Dataset>("PUT", `/datasets/${part(dataset)}/model`, { json: { model_id } });
/** Deletes a model; `withIndexes` also where a dataset is searched with it. */
export const deleteModel = (id: string, withIndexes: boolean) =>
  request<null>("DELETE", `/models/${part(id)}${withIndexes ? "?force=1" : ""}`);
export const modelDownload = (id: string) => `/api/v1/models/${part(id)}/download`;
