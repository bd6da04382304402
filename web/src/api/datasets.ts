/** Datasets, their steps and their files. */
import { part, query, request, withSignal } from "./http";
import type { DatasetJob, DatasetList, DatasetOut, Step } from "./schema";

export type { DatasetOut as Dataset, Step } from "./schema";
export type StepKey = Step["key"];
export type StepState = Step["state"];

export const listDatasets = (signal?: AbortSignal) => request<DatasetList>("GET", "/datasets", withSignal(signal));
export const getDataset = (id: string, signal?: AbortSignal) =>
  request<DatasetOut>("GET", `/datasets/${part(id)}`, withSignal(signal));
export const createDataset = (name: string) => request<DatasetOut>("POST", "/datasets", { json: { name } });
export const createSample = () =>
  request<DatasetJob>("POST", "/datasets/sample", { json: {} });
export const renameDataset = (id: string, name: string) =>
  request<DatasetOut>("PATCH", `/datasets/${part(id)}`, { json: { name } });
/** Deletes a dataset; confirm: its name, as somebody has typed it. */
export const deleteDataset = (id: string, confirm: string) => request<null>("DELETE", `/datasets/${part(id)}${query({ confirm })}`);
export const datasetFile = (id: string, name: string) => `/api/v1/datasets/${part(id)}/files/${name}`;
/** The archive of a dataset; captions: csv, txt, jsonl or all; images: all or captioned. */
export const datasetExport = (id: string, captions = "csv", images = "all") =>
  `/api/v1/datasets/${part(id)}/export.zip${query({ captions, images })}`;
