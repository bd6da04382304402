/** Captions: claims of images, saving, suggestions, marks, edits of many at once, and who did what. */
import type { ImageFilter } from "../text/images/image-filter";
import { exchange, type Page, part, query, request, withSignal } from "./http";
import type { ImageItem } from "./images";
import type { Job } from "./jobs";

export interface CaptionVersion {
  revision: number;
  text: string | null;
  by: string;
}

/** One saved text of an image; null: the caption was taken away. */
export interface CaptionRevision {
  slot: number;
  revision: number;
  text: string | null;
  author: string | null;
  client_id: string;
  created_at: string;
}

export interface CaptionSave {
  text: string | null;
  base_revision: number;
  client_id: string;
  slot: number;
}

/** A line that has died without a word would hold a save for ever: after this it counts as lost, and is sent again. */
const SAVE_TIMEOUT_MS = 20_000;

export interface Suggestion {
  text: string;
  source: string;
  score: number | null;
  image_ids?: number[];
}

export interface Suggestions {
  items: Suggestion[];
  state: string;
  message?: string | null;
}

/** The words and phrases of a dataset's captions, most frequent first. */
export interface WordCounts {
  words: [string, number][];
  phrases: [string, number][];
}

export type EditMode = "replace" | "prepend" | "append" | "set" | "clear";

/** An edit of all captions of some images. */
export interface EditRequest {
  mode: EditMode;
  find?: string;
  text?: string;
  match_case?: boolean;
  whole_words?: boolean;
  regex?: boolean;
  filter: ImageFilter;
  image_ids?: number[];
  /** Of the preview that the person has seen. */
  token?: string;
}

export interface EditedCaption {
  image_id: number;
  slot: number;
  filename: string;
  thumb_url: string;
  before: string | null;
  after: string | null;
}

export interface EditPreview {
  count: number;
  unchanged: number;
  images: number;
  reviewed: number;
  items: EditedCaption[];
  rejected: { image_id: number; slot: number; text: string | null; reason: string }[];
  rejected_count: number;
  token: string;
}

export interface Marks {
  flagged?: boolean;
  note?: string;
  reviewed?: boolean;
  /** "" takes the tag away. */
  tag?: string;
  /** Of the first captions as they are shown; one for each image. */
  revisions?: number[];
}

export interface TeamMember {
  name: string;
  captions: number;
  reviews: number;
  today_captions: number;
  today_reviews: number;
  last_at: string | null;
}

/** What people did on a dataset. Days are in UTC. */
export interface Team {
  counts: { images: number; captioned: number; reviewed: number; flagged: number; captions: number };
  people: TeamMember[];
  days: { day: string; name: string; captions: number; reviews: number }[];
}

/** The next uncaptioned image, claimed for this tab (`holder`); null when none is left. */
export const claimNext = (id: string, holder: string, after?: number) =>
  request<ImageItem | null>("POST", `/datasets/${part(id)}/claim${query({ after, holder })}`);
export const claimImage = (id: number, holder: string) => request<ImageItem>("POST", `/images/${id}/claim${query({ holder })}`);
/** Gives a claim back, also while the page is being closed. */
export const releaseImage = (id: number, holder: string) =>
  request<null>("POST", `/images/${id}/release${query({ holder })}`, { keepalive: true });
/** Saves a caption and waits up to ten seconds for its revision. */
export const putCaption = (imageId: number, save: CaptionSave) =>
  exchange<{ revision?: number; state?: string }>("PUT", `/images/${imageId}/caption`, {
    json: save,
    headers: { Prefer: "wait=10" },
    signal: AbortSignal.timeout(SAVE_TIMEOUT_MS),
  });
export const listRevisions = (image: number, signal?: AbortSignal) =>
  request<Page<CaptionRevision>>("GET", `/images/${image}/captions`, withSignal(signal));
export const getSuggestions = (image: number, limit: number, signal?: AbortSignal) =>
  request<Suggestions>("GET", `/images/${image}/suggestions${query({ limit })}`, withSignal(signal));
export const dismissSuggestion = (image: number, text: string) =>
  request<null>("POST", `/images/${image}/suggestions/dismiss`, { json: { text } });
export const getWords = (id: string, signal?: AbortSignal) => request<WordCounts>("GET", `/datasets/${part(id)}/words`, withSignal(signal));
/** The merges of CLIP's byte-pair encoding, as text. */
export const getMerges = () => request<string>("GET", "/tokenizer/merges.txt", { headers: { Accept: "text/plain" } });
export const putFlag = (image: number, flagged: boolean, note?: string) =>
  request<ImageItem>("PUT", `/images/${image}/flag`, { json: { flagged, ...(note ? { note } : {}) } });
/** Marks the captions as they were shown as reviewed, or takes the mark away. extras: `[slot, revision]` of the later ones. */
export const putReview = (image: number, reviewed: boolean, revision: number, extras: [number, number][]) =>
  request<ImageItem>("PUT", `/images/${image}/review`, { json: { reviewed, revision, extras } });
/** Flags, reviews or tags at most 1,000 images. */
export const markImages = (id: string, image_ids: number[], marks: Marks) =>
  request<{ changed: number; skipped: { image_id: number; reason: string }[] }>("POST", `/datasets/${part(id)}/marks`, { json: { image_ids, ...marks } });
export const previewEdit = (id: string, edit: EditRequest, signal?: AbortSignal) =>
  request<EditPreview>("POST", `/datasets/${part(id)}/edits/preview`, { json: edit, ...withSignal(signal) });
export const startEdit = (id: string, edit: EditRequest) =>
  request<{ job: Job }>("POST", `/datasets/${part(id)}/edits`, { json: edit });
export const undoJob = (job: string) => request<{ job: Job }>("POST", `/jobs/${part(job)}/undo`, { json: {} });
export const getTeam = (id: string, days: number, signal?: AbortSignal) =>
  request<Team>("GET", `/datasets/${part(id)}/team${query({ days })}`, withSignal(signal));
