/** Variants of captions and what people decide on them; the synonym maps they are made with. */
import { part, query, request, withSignal } from "./http";

export type VariantState = "proposed" | "accepted" | "edited" | "rejected";

export interface Variant {
  id: number;
  image_id: number;
  slot: number;
  filename: string;
  thumb_url: string;
  /** The caption as it was frozen by the split. */
  source_text: string;
  text: string;
  /** What the method wrote, also when somebody has edited `text`. */
  proposed: string;
  method: string;
  model: string | null;
  /** How near in meaning to the caption, -1..1. */
  score: number | null;
  state: VariantState;
  /** Why it is doubted. */
  reasons: string[];
  decided_by: string | null;
  /** The caption was changed since the split. */
  is_stale: boolean;
}

export interface VariantFilter {
  state?: VariantState;
  method?: "synonyms" | "llm";
  min_score?: number;
  /** Below this. */
  max_score?: number;
  q?: string;
  doubted?: boolean;
}

export interface VariantPage {
  items: Variant[];
  next_cursor: string | null;
  total: number;
  counts: Record<VariantState, number>;
  train_rows: number | null;
  scores: [number, number] | null;
}

export type VariantChange = { state: "accepted" | "rejected" | "proposed" } | { text: string };

export interface Decision {
  state: "accepted" | "rejected" | "proposed";
  ids?: number[];
  filter?: VariantFilter;
}

export type SynonymEntries = Record<string, string[]>;

/** `entry` "" is the map as a whole. */
export interface MapProblem {
  entry: string;
  problem: string;
}

export interface StoredSynonyms {
  map: SynonymEntries;
  /** To be sent with a change: it is refused when somebody else has saved meanwhile. */
  version: string;
  saved_at: string | null;
  problems: MapProblem[];
}

export interface SynonymPreview {
  caption: string;
  variants: string[];
}

export interface SynonymCheck {
  problems: MapProblem[];
  problem_count: number;
  previews: SynonymPreview[];
  candidates: [string, number][];
}

export interface SynonymCheckRequest {
  /** The map as JSON text: so words that are listed twice are seen. */
  map: string;
  which: "dataset" | "shared";
  dataset_id: string;
  word: string;
  seed: number;
}

export const listVariants = (dataset: string, filter: VariantFilter, limit: number, cursor?: string | null, signal?: AbortSignal) =>
  request<VariantPage>("GET", `/datasets/${part(dataset)}/variants${query({ ...filter, doubted: filter.doubted === undefined ? undefined : String(filter.doubted), limit, cursor })}`, withSignal(signal));
export const changeVariant = (id: number, change: VariantChange) => request<Variant>("PATCH", `/variants/${id}`, { json: change });
/** Decides on many at once; `ids` of those that changed, null when they are too many to name. */
export const decideVariants = (dataset: string, decision: Decision) =>
  request<{ changed: number; ids: number[] | null }>("POST", `/datasets/${part(dataset)}/variants/decide`, { json: decision });

const synonymsPath = (datasetId: string | null) => (datasetId === null ? "/synonyms" : `/datasets/${part(datasetId)}/synonyms`);

/** A dataset's own map; the shared one for null. */
export const getSynonyms = (datasetId: string | null, signal: AbortSignal) => request<StoredSynonyms>("GET", synonymsPath(datasetId), withSignal(signal));
export const putSynonyms = (datasetId: string | null, map: string, base: string) =>
  request<StoredSynonyms>("PUT", synonymsPath(datasetId), { json: { map, base } });
export const checkSynonyms = (what: SynonymCheckRequest, signal: AbortSignal) =>
  request<SynonymCheck>("POST", "/synonyms/check", { json: what, signal });
