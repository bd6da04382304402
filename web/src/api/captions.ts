/** Captions: claims of images, saving, suggestions, marks, edits of many at once, and who did what. */
import { exchange, part, query, request, withSignal } from "./http";
import type { ClaimedImage, ClaimedImages, EditPreview, ImageOut, JobAnswer, Marked, Marks, NewCaption, NewEdit, QueuedCaption, RevisionList, SavedCaption, SuggestionList, Team, Words } from "./schema";

export type { CaptionRevisionOut as CaptionRevision, EditedRow as EditedCaption, EditPreview, Member as TeamMember, NewEdit as EditRequest, SuggestionOut as Suggestion, Team } from "./schema";
export type EditMode = NewEdit["mode"];
/** What is said of many images: a tag "" takes theirs away. revisions: of the first captions as they are shown, one for each image. */
export type MarkChange = Omit<Marks, "image_ids">;

/** A line that has died without a word would hold a save for ever: after this it counts as lost, and is sent again. */
const SAVE_TIMEOUT_MS = 20_000;

/** The next uncaptioned images, claimed for this tab (`holder`); none when none is left. */
export const claimNext = async (id: string, holder: string, after: number | undefined, count: number) =>
  (await request<ClaimedImages>("POST", `/datasets/${part(id)}/claims${query({ after, holder, count })}`)).items;
export const claimImage = (id: number, holder: string) => request<ClaimedImage>("POST", `/images/${id}/claim${query({ holder })}`);
/** Gives a claim back, also while the page is being closed. */
export const releaseImage = (id: number, holder: string) =>
  request<null>("POST", `/images/${id}/release${query({ holder })}`, { keepalive: true });
/** Saves a caption and waits up to ten seconds for its revision. */
export const putCaption = (imageId: number, save: NewCaption) =>
  exchange<SavedCaption | QueuedCaption>("PUT", `/images/${imageId}/caption`, {
    json: save,
    headers: { Prefer: "wait=10" },
    signal: AbortSignal.timeout(SAVE_TIMEOUT_MS),
  });
export const listRevisions = (image: number, signal?: AbortSignal) =>
  request<RevisionList>("GET", `/images/${image}/captions`, withSignal(signal));
export const getSuggestions = (image: number, limit: number, signal?: AbortSignal) =>
  request<SuggestionList>("GET", `/images/${image}/suggestions${query({ limit })}`, withSignal(signal));
export const dismissSuggestion = (image: number, text: string) =>
  request<null>("POST", `/images/${image}/suggestions/dismiss`, { json: { text } });
export const getWords = (id: string, signal?: AbortSignal) => request<Words>("GET", `/datasets/${part(id)}/words`, withSignal(signal));
/** The merges of CLIP's byte-pair encoding, as text. */
export const getMerges = () => request<string>("GET", "/tokenizer/merges.txt", { headers: { Accept: "text/plain" } });
export const putFlag = (image: number, flagged: boolean, note?: string) =>
  request<ImageOut>("PUT", `/images/${image}/flag`, { json: { flagged, ...(note ? { note } : {}) } });
/** Marks the captions as they were shown as reviewed, or takes the mark away. extras: `[slot, revision]` of the later ones. */
export const putReview = (image: number, reviewed: boolean, revision: number, extras: [number, number][]) =>
  request<ImageOut>("PUT", `/images/${image}/review`, { json: { reviewed, revision, extras } });
/** Flags, reviews or tags at most 1,000 images. */
export const markImages = (id: string, image_ids: number[], marks: MarkChange) =>
  request<Marked>("POST", `/datasets/${part(id)}/marks`, { json: { image_ids, ...marks } });
export const previewEdit = (id: string, edit: NewEdit, signal?: AbortSignal) =>
  request<EditPreview>("POST", `/datasets/${part(id)}/edits/preview`, { json: edit, ...withSignal(signal) });
export const startEdit = (id: string, edit: NewEdit) =>
  request<JobAnswer>("POST", `/datasets/${part(id)}/edits`, { json: edit });
export const undoJob = (job: string) => request<JobAnswer>("POST", `/jobs/${part(job)}/undo`, { json: {} });
export const getTeam = (id: string, days: number, signal?: AbortSignal) =>
  request<Team>("GET", `/datasets/${part(id)}/team${query({ days })}`, withSignal(signal));
