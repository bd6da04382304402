/** One function for each call of the API. */
import { exchange, query, request } from "./http";
import type {
  ApiToken,
  Dataset,
  DatasetMap,
  ImageItem,
  IndexInfo,
  Job,
  Metrics,
  Model,
  Page,
  SearchAnswer,
  System,
  TrainPlan,
  User,
} from "./types";

type Signal = AbortSignal | undefined;
const withSignal = (signal: Signal) => (signal ? { signal } : {});
const part = encodeURIComponent;

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

export interface ImageFilter {
  status?: "captioned" | "uncaptioned" | undefined;
  q?: string | undefined;
  cursor?: string | null | undefined;
  limit?: number | undefined;
  ids?: number[] | undefined;
}

export const listImages = (id: string, filter: ImageFilter, signal?: Signal) =>
  request<Page<ImageItem>>(
    "GET",
    `/datasets/${part(id)}/images${query({ ...filter, ids: filter.ids?.join(",") })}`,
    withSignal(signal),
  );
export const getImage = (id: number, signal?: Signal) =>
  request<ImageItem>("GET", `/images/${id}`, withSignal(signal));
export const deleteImage = (id: number) => request<null>("DELETE", `/images/${id}`);
export const imageThumb = (id: number) => `/api/v1/images/${id}/thumb`;

/** The next uncaptioned image, leased to me; null when none is left. */
export const claimNext = (id: string, after?: number) =>
  request<ImageItem | null>("POST", `/datasets/${part(id)}/claim${query({ after })}`);
export const claimImage = (id: number) => request<ImageItem>("POST", `/images/${id}/claim`);
export const releaseImage = (id: number) => request<null>("POST", `/images/${id}/release`);

export interface CaptionSave {
  text: string;
  base_revision: number;
  client_id: string;
}
/** Saves a caption and waits up to ten seconds for its revision. */
export const putCaption = (imageId: number, save: CaptionSave) =>
  exchange<{ revision?: number; state?: string }>("PUT", `/images/${imageId}/caption`, {
    json: save,
    headers: { Prefer: "wait=10" },
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
export const getMetrics = (id: string, signal?: Signal) =>
  request<Metrics>("GET", `/jobs/${part(id)}/metrics`, withSignal(signal));

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
export const patchModel = (id: string, change: { name?: string; note?: string }) =>
  request<Model>("PATCH", `/models/${part(id)}`, { json: change });
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
export const datasetExport = (id: string) => `/api/v1/datasets/${part(id)}/export.zip`;
