/** Datasets, their steps and their files. */
import { type Page, part, query, request, withSignal } from "./http";
import type { Job } from "./jobs";

export type StepKey = "images" | "captioned" | "split" | "augment" | "train" | "index" | "search";
export type StepState = "empty" | "ready" | "running" | "done" | "stale" | "failed";

export interface Step {
  key: StepKey;
  state: StepState;
  figure: string;
  reason: string;
  job_id: string | null;
}

export interface Dataset {
  id: string;
  name: string;
  created_at: string;
  created_by: string | null;
  counts: {
    images: number;
    captioned: number;
    train?: number;
    val?: number;
    train_rows?: number;
  };
  cover?: string[];
  steps?: Step[];
  /** The model that people chose to search it with. */
  model_id?: string | null;
}

export const listDatasets = (signal?: AbortSignal) => request<Page<Dataset>>("GET", "/datasets", withSignal(signal));
export const getDataset = (id: string, signal?: AbortSignal) =>
  request<Dataset>("GET", `/datasets/${part(id)}`, withSignal(signal));
export const createDataset = (name: string) => request<Dataset>("POST", "/datasets", { json: { name } });
export const createSample = () =>
  request<{ dataset: Dataset; job: Job }>("POST", "/datasets/sample", { json: {} });
export const renameDataset = (id: string, name: string) =>
  request<Dataset>("PATCH", `/datasets/${part(id)}`, { json: { name } });
export const deleteDataset = (id: string) => request<null>("DELETE", `/datasets/${part(id)}`);
export const datasetFile = (id: string, name: string) => `/api/v1/datasets/${part(id)}/files/${name}`;
/** The archive of a dataset; captions: csv, txt, jsonl or all; images: all or captioned. */
export const datasetExport = (id: string, captions = "csv", images = "all") =>
  `/api/v1/datasets/${part(id)}/export.zip${query({ captions, images })}`;
