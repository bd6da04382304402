/** One function for each call of the API. */
import { exchange, query, request } from "./http";
import { filterQuery, type ImageFilter } from "../text/image-filter";
import type { EditPreview, EditRequest, Team } from "./edit-types";
import type {
  ApiToken,
  CaptionRevision,
  Dataset,
  DatasetMap,
  ImageItem,
  IndexInfo,
  Job,
  LargeUpload,
  Metrics,
  Model,
  Neighbours,
  Page,
  SearchAnswer,
  Suggestions,
  System,
  TrainPlan,
  User,
  WordCounts,
} from "./types";

type Signal = AbortSignal | undefined;
const withSignal = (signal: Signal) => (signal ? { signal } : {});
const part = encodeURIComponent;

/** A filter as the API is asked. */
const asked = (filter: ImageFilter): Record<string, string> => Object.fromEntries(new URLSearchParams(filterQuery(filter)));

export const getMe = () => request<{ user: User }>("GET", "/auth/me", { quiet401: true });
export const login = (username: string, password: string) =>
  request<{ user: User }>("POST", "/auth/login", { json: { username, password }, quiet401: true });
export const signInByLink = (token: string) =>
  request<{ user: User }>("POST", "/auth/link", { json: { token }, quiet401: true });
export const logout = () => request<null>("POST", "/auth/logout", { quiet401: true });

export const listTokens = (signal?: Signal) => request<Page<ApiToken>>("GET", "/tokens", withSignal(signal));
export const createToken = (name: string) => request<ApiToken>("POST", "/tokens", { json: { name } });
export const deleteToken = (id: ApiToken["id"]) => request<null>("DELETE", `/tokens/${part(String(id))}`);
export const listUsers = (signal?: Signal) => request<Page<User>>("GET", "/users", withSignal(signal));
export const createUser = (name: string, role: User["role"]) =>
  request<{ user: User; link: string }>("POST", "/users", { json: { name, role } });

export const listDatasets = (signal?: Signal) => request<Page<Dataset>>("GET", "/datasets", withSignal(signal));
export const getDataset = (id: string, signal?: Signal) =>
  request<Dataset>("GET", `/datasets/${part(id)}`, withSignal(signal));
export const createDataset = (name: string) => request<Dataset>("POST", "/datasets", { json: { name } });
export const createSample = () =>
  request<{ dataset: Dataset; job: Job }>("POST", "/datasets/sample", { json: {} });
export const renameDataset = (id: string, name: string) =>
  request<Dataset>("PATCH", `/datasets/${part(id)}`, { json: { name } });
export const deleteDataset = (id: string) => request<null>("DELETE", `/datasets/${part(id)}`);

/** Which images, and which part of their list. */
export interface ImageRequest extends ImageFilter {
  cursor?: string | null | undefined;
  limit?: number | undefined;
  ids?: number[] | undefined;
}

export const listImages = (id: string, wanted: ImageRequest, signal?: Signal) =>
  request<Page<ImageItem>>(
    "GET",
    `/datasets/${part(id)}/images${query({ ...asked(wanted), cursor: wanted.cursor, limit: wanted.limit, ids: wanted.ids?.join(",") })}`,
    withSignal(signal),
  );
export const getImage = (id: number, signal?: Signal) =>
  request<ImageItem>("GET", `/images/${id}`, withSignal(signal));
export const deleteImage = (id: number) => request<null>("DELETE", `/images/${id}`);
export const imageThumb = (id: number) => `/api/v1/images/${id}/thumb`;

/** The images around one that fit a filter, and its place among them. */
export const getNeighbours = (image: number, filter: ImageFilter, each: number, signal?: Signal) =>
  request<Neighbours>("GET", `/images/${image}/neighbours${query({ ...asked(filter), before: each, after: each })}`, withSignal(signal));

/** The next uncaptioned image, leased to this tab (`holder`); null when none is left. */
export const claimNext = (id: string, holder: string, after?: number) =>
  request<ImageItem | null>("POST", `/datasets/${part(id)}/claim${query({ after, holder })}`);
export const claimImage = (id: number, holder: string) => request<ImageItem>("POST", `/images/${id}/claim${query({ holder })}`);
/** Gives a lease back, also while the page is being closed. */
export const releaseImage = (id: number, holder: string) =>
  request<null>("POST", `/images/${id}/release${query({ holder })}`, { keepalive: true });

export const listRevisions = (image: number, signal?: Signal) =>
  request<Page<CaptionRevision>>("GET", `/images/${image}/captions`, withSignal(signal));
export const putFlag = (image: number, flagged: boolean, note?: string) =>
  request<ImageItem>("PUT", `/images/${image}/flag`, { json: { flagged, ...(note ? { note } : {}) } });
/** Marks the captions as they were shown as reviewed, or takes the mark away. extras: `[slot, revision]` of the later ones. */
export const putReview = (image: number, reviewed: boolean, revision: number, extras: [number, number][]) =>
  request<ImageItem>("PUT", `/images/${image}/review`, { json: { reviewed, revision, extras } });
export const getSuggestions = (image: number, limit: number, signal?: Signal) =>
  request<Suggestions>("GET", `/images/${image}/suggestions${query({ limit })}`, withSignal(signal));
export const dismissSuggestion = (image: number, text: string) =>
  request<null>("POST", `/images/${image}/suggestions/dismiss`, { json: { text } });
export const getWords = (id: string, signal?: Signal) => request<WordCounts>("GET", `/datasets/${part(id)}/words`, withSignal(signal));
/** The merges of CLIP's byte-pair encoding, as text. */
export const getMerges = () => request<string>("GET", "/tokenizer/merges.txt", { headers: { Accept: "text/plain" } });

export interface CaptionSave {
  text: string | null;
  base_revision: number;
  client_id: string;
  slot: number;
}
/** A line that has died without a word would hold a save for ever: after this it counts as lost, and is sent again. */
const SAVE_TIMEOUT_MS = 20_000;

/** Saves a caption and waits up to ten seconds for its revision. */
export const putCaption = (imageId: number, save: CaptionSave) =>
  exchange<{ revision?: number; state?: string }>("PUT", `/images/${imageId}/caption`, {
    json: save,
    headers: { Prefer: "wait=10" },
    signal: AbortSignal.timeout(SAVE_TIMEOUT_MS),
  });

/** The plan of a training. An empty `pretrained` is sent: it means from scratch. */
export function getTrainPlan(id: string, values: Record<string, string | undefined>, signal?: Signal): Promise<TrainPlan> {
  const given = Object.entries(values).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return request("GET", `/datasets/${part(id)}/train-plan?${new URLSearchParams(given).toString()}`, withSignal(signal));
}
export const startJob = (id: string, kind: string, params: Record<string, unknown>, after?: string) =>
  request<Job>("POST", `/datasets/${part(id)}/jobs`, {
    json: { kind, params, ...(after ? { after_job_id: after } : {}) },
  });

export interface JobFilter {
  state?: string | undefined;
  kind?: string | undefined;
  dataset_id?: string | undefined;
  group_id?: string | undefined;
  limit?: number | undefined;
}
export const listJobs = (filter: JobFilter, signal?: Signal) =>
  request<Page<Job>>("GET", `/jobs${query({ ...filter })}`, withSignal(signal));
export const getJob = (id: string, signal?: Signal) =>
  request<Job>("GET", `/jobs/${part(id)}`, withSignal(signal));
export const stopJob = (id: string, mode: "save" | "kill") =>
  request<Job>("POST", `/jobs/${part(id)}/stop`, { json: { mode } });
export const resumeJob = (id: string) => request<Job>("POST", `/jobs/${part(id)}/resume`, { json: {} });
export const retryJob = (id: string) => request<Job>("POST", `/jobs/${part(id)}/retry`, { json: {} });
/** The series of a job, each of at most `points` values. */
export const getMetrics = (id: string, signal?: Signal, points?: number) =>
  request<Metrics>("GET", `/jobs/${part(id)}/metrics${query({ points })}`, withSignal(signal));

/** The log from character `offset` on, and where it goes on. */
export async function getLog(id: string, offset: number, signal?: Signal): Promise<{ text: string; next: number }> {
  const answer = await exchange<string | null>("GET", `/jobs/${part(id)}/log?offset=${offset}`, {
    headers: { Accept: "text/plain" },
    ...withSignal(signal),
  });
  const text = typeof answer.body === "string" ? answer.body : "";
  return { text, next: Number(answer.headers.get("X-Next-Offset") ?? offset + text.length) };
}

export const listModels = (signal?: Signal) => request<Page<Model>>("GET", "/models", withSignal(signal));
export const patchModel = (id: string, change: { name?: string; note?: string; tags?: string[] }) =>
  request<Model>("PATCH", `/models/${part(id)}`, { json: change });
/** Registers weights between a tuned model (alpha 1) and what it began with (alpha 0). */
export const blendModel = (id: string, alpha: number) => request<{ job: Job }>("POST", `/models/${part(id)}/blend`, { json: { alpha } });
/** Takes a whole upload, a zip of a model folder, into the registry. */
export const importModel = (upload: string, name: string) => request<{ job: Job }>("POST", "/models", { json: { upload, ...(name ? { name } : {}) } });
/** Chooses the model that a dataset is searched with; null: the newest index's. */
export const chooseModel = (dataset: string, model_id: string | null) =>
  request<Dataset>("PUT", `/datasets/${part(dataset)}/model`, { json: { model_id } });
/** Deletes a model; `withIndexes` also where a dataset is searched with it. */
export const deleteModel = (id: string, withIndexes: boolean) =>
  request<null>("DELETE", `/models/${part(id)}${withIndexes ? "?force=1" : ""}`);
export const modelDownload = (id: string) => `/api/v1/models/${part(id)}/download`;

export const listIndexes = (id: string, signal?: Signal) =>
  request<Page<IndexInfo>>("GET", `/datasets/${part(id)}/indexes`, withSignal(signal));

export interface SearchRequest {
  q?: string | undefined;
  like?: number | undefined;
  model?: string | undefined;
  k?: number | undefined;
}
export const searchText = (id: string, what: SearchRequest, signal?: Signal) =>
  request<SearchAnswer>("GET", `/datasets/${part(id)}/search${query({ ...what })}`, withSignal(signal));

/** Searches by a picture that is not in the dataset. */
export function searchPicture(
  id: string,
  file: File,
  what: { model?: string | undefined; k?: number | undefined },
  signal?: Signal,
): Promise<SearchAnswer> {
  const form = new FormData();
  form.append("image", file);
  return request("POST", `/datasets/${part(id)}/search${query(what)}`, { form, ...withSignal(signal) });
}

export const getMap = (id: string, model: string, signal?: Signal) =>
  request<DatasetMap>("GET", `/datasets/${part(id)}/map${query({ model })}`, withSignal(signal));
export const getSystem = (signal?: Signal) => request<System>("GET", "/system", withSignal(signal));

export const datasetFile = (id: string, name: string) => `/api/v1/datasets/${part(id)}/files/${name}`;
/** The archive of a dataset; captions: csv, txt, jsonl or all; images: all or captioned. */
export const datasetExport = (id: string, captions = "csv", images = "all") =>
  `/api/v1/datasets/${part(id)}/export.zip${query({ captions, images })}`;

/** Which files, by their SHA-256, are images of the dataset already. */
export const knownFiles = (id: string, sha256: string[]) =>
  request<{ known: string[] }>("POST", `/datasets/${part(id)}/images/known`, { json: { sha256 } });
/** Announces a large file, or finds the unfinished upload of the same one. */
export const beginUpload = (name: string, size_bytes: number, fingerprint: string) =>
  request<LargeUpload>("POST", "/uploads", { json: { name, size_bytes, fingerprint: fingerprint.slice(-200) } });
export const putUpload = (id: string, offset: number, bytes: Blob) =>
  request<LargeUpload>("PUT", `/uploads/${part(id)}`, { bytes, headers: { "Upload-Offset": String(offset) } });
/** Hands whole uploads to a job. */
export const takeUploads = (id: string, uploads: string[]) =>
  request<{ job: Job }>("POST", `/datasets/${part(id)}/images`, { json: { uploads } });

/** The ids of all images that fit, in order. */
export const listIds = (id: string, filter: ImageFilter, signal?: Signal) =>
  request<{ ids: number[]; total: number }>("GET", `/datasets/${part(id)}/images/ids${query(asked(filter))}`, withSignal(signal));
/** Deletes at most 500 images. */
export const deleteImages = (id: string, image_ids: number[]) =>
  request<{ deleted: number }>("POST", `/datasets/${part(id)}/images/delete`, { json: { image_ids } });
export const previewEdit = (id: string, edit: EditRequest, signal?: Signal) =>
  request<EditPreview>("POST", `/datasets/${part(id)}/edits/preview`, { json: edit, ...withSignal(signal) });
export const startEdit = (id: string, edit: EditRequest) =>
  request<{ job: Job }>("POST", `/datasets/${part(id)}/edits`, { json: edit });
export const undoJob = (job: string) => request<{ job: Job }>("POST", `/jobs/${part(job)}/undo`, { json: {} });

export interface Marks {
  flagged?: boolean;
  note?: string;
  reviewed?: boolean;
  /** "" takes the tag away. */
  tag?: string;
  /** Of the first captions as they are shown; one for each image. */
  revisions?: number[];
}
/** Flags, reviews or tags at most 1,000 images. */
export const markImages = (id: string, image_ids: number[], marks: Marks) =>
  request<{ changed: number; skipped: { image_id: number; reason: string }[] }>("POST", `/datasets/${part(id)}/marks`, { json: { image_ids, ...marks } });
export const getTeam = (id: string, days: number, signal?: Signal) =>
  request<Team>("GET", `/datasets/${part(id)}/team${query({ days })}`, withSignal(signal));
