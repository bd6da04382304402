/** The synonym maps: reading, saving, and checking what is not saved yet. */
import { request } from "./http";

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

const address = (datasetId: string | null) => (datasetId === null ? "/synonyms" : `/datasets/${encodeURIComponent(datasetId)}/synonyms`);

/** A dataset's own map; the shared one for null. */
export const getSynonyms = (datasetId: string | null, signal: AbortSignal) => request<StoredSynonyms>("GET", address(datasetId), { signal });
export const putSynonyms = (datasetId: string | null, map: string, base: string) =>
  request<StoredSynonyms>("PUT", address(datasetId), { json: { map, base } });
export const checkSynonyms = (what: SynonymCheckRequest, signal: AbortSignal) =>
  request<SynonymCheck>("POST", "/synonyms/check", { json: what, signal });
