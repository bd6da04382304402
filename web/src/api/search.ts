/** Indexes, searching them, and the map of a dataset. */
import { part, query, request, withSignal } from "./http";
import type { IndexList, MapAnswer, SearchAnswer } from "./schema";

export type { Hit, IndexList, IndexOut as IndexInfo, MapAnswer as DatasetMap, SearchAnswer } from "./schema";

export interface SearchRequest {
  q?: string | undefined;
  like?: number | undefined;
  model?: string | undefined;
  k?: number | undefined;
}

export const listIndexes = (id: string, signal?: AbortSignal) =>
  request<IndexList>("GET", `/datasets/${part(id)}/indexes`, withSignal(signal));
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
  request<MapAnswer>("GET", `/datasets/${part(id)}/map${query({ model })}`, withSignal(signal));
