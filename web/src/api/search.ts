/** Indexes, searching them, and the map of a dataset. */
import { type Page, part, query, request, withSignal } from "./http";

export interface IndexInfo {
  model_id: string;
  model_name: string;
  images: number;
  dim: number;
  created_at: string;
  stale: boolean;
  job_id: string | null;
}

export interface Hit {
  image_id: number;
  score: number;
  caption: string | null;
  filename: string;
  width: number;
  height: number;
  thumb_url: string;
  url: string;
}

export interface SearchAnswer {
  hits: Hit[];
  model: string;
  index: string | Record<string, unknown>;
  took_ms: number;
}

export interface DatasetMap {
  points: [number, number, number, number][];
  clusters: { id: number; label: string; size: number }[];
}

export interface SearchRequest {
  q?: string | undefined;
  like?: number | undefined;
  model?: string | undefined;
  k?: number | undefined;
}

export const listIndexes = (id: string, signal?: AbortSignal) =>
  request<Page<IndexInfo>>("GET", `/datasets/${part(id)}/indexes`, withSignal(signal));
export const searchText = (id: string, what: SearchRequest, signal?: AbortSignal) =>
  request<SearchAnswer>("GET", `/datasets/${part(id)}/search${query({ ...what })}`, withSignal(signal));

/** Searches by a picture that is not in the dataset. */
export function searchPicture(
  id: string,
  file: File,
  what: { model?: string | undefined; k?: number | undefined },
  signal?: AbortSignal,
): Promise<SearchAnswer> {
  const form = new FormData();
  form.append("image", file);
  return request("POST", `/datasets/${part(id)}/search${query(what)}`, { form, ...withSignal(signal) });
}

export const getMap = (id: string, model: string, signal?: AbortSignal) =>
  request<DatasetMap>("GET", `/datasets/${part(id)}/map${query({ model })}`, withSignal(signal));
