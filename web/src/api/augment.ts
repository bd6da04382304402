/** Variants of captions and what people decide on them; the synonym maps they are made with. */
import { part, query, request, withSignal } from "./http";
import type { Decide, Decided, SynonymCheck, SynonymCheckOut, SynonymsOut, VariantChange, FilterOfVariants as VariantFilter, VariantList, VariantOut } from "./schema";

export type {
  Decide as Decision,
  MapProblemOut as MapProblem,
  SynonymCheck as SynonymCheckRequest,
  SynonymCheckOut as SynonymCheck,
  SynonymsOut as StoredSynonyms,
  VariantChange,
  FilterOfVariants as VariantFilter,
  VariantList as VariantPage,
  VariantOut as Variant,
} from "./schema";
export type VariantState = VariantOut["state"];
export type SynonymEntries = SynonymsOut["map"];

export const listVariants = (dataset: string, filter: VariantFilter, limit: number, cursor?: string | null, signal?: AbortSignal) =>
  request<VariantList>("GET", `/datasets/${part(dataset)}/variants${query({ ...filter, doubted: filter.doubted === undefined ? undefined : String(filter.doubted), limit, cursor })}`, withSignal(signal));
export const changeVariant = (id: number, change: VariantChange) => request<VariantOut>("PATCH", `/variants/${id}`, { json: change });
/** Decides on many at once; `ids` of those that changed, null when they are too many to name. */
export const decideVariants = (dataset: string, decision: Decide) =>
  request<Decided>("POST", `/datasets/${part(dataset)}/variants/decide`, { json: decision });

const synonymsPath = (datasetId: string | null) => (datasetId === null ? "/synonyms" : `/datasets/${part(datasetId)}/synonyms`);

/** A dataset's own map; the shared one for null. */
export const getSynonyms = (datasetId: string | null, signal: AbortSignal) => request<SynonymsOut>("GET", synonymsPath(datasetId), withSignal(signal));
export const putSynonyms = (datasetId: string | null, map: string, base: string) =>
  request<SynonymsOut>("PUT", synonymsPath(datasetId), { json: { map, base } });
export const checkSynonyms = (what: SynonymCheck, signal: AbortSignal) =>
  request<SynonymCheckOut>("POST", "/synonyms/check", { json: what, signal });
