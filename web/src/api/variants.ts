/** The variants of captions that an augmentation proposes, and what people decide on them. */
import { query, request } from "./http";

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

const part = encodeURIComponent;

export const listVariants = (dataset: string, filter: VariantFilter, limit: number, cursor?: string | null, signal?: AbortSignal) =>
  request<VariantPage>("GET", `/datasets/${part(dataset)}/variants${query({ ...filter, doubted: filter.doubted === undefined ? undefined : String(filter.doubted), limit, cursor })}`, signal ? { signal } : {});
export const changeVariant = (id: number, change: VariantChange) => request<Variant>("PATCH", `/variants/${id}`, { json: change });
/** Decides on many at once; `ids` of those that changed, null when they are too many to name. */
export const decideVariants = (dataset: string, decision: Decision) =>
  request<{ changed: number; ids: number[] | null }>("POST", `/datasets/${part(dataset)}/variants/decide`, { json: decision });
