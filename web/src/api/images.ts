/** The images of a dataset: listing, uploading, deleting. */
import { filterQuery, type ImageFilter } from "../text/images/image-filter";
import { part, query, request, withSignal } from "./http";
import type { DeletedImages, ImageIds, ImageList, ImageOut, JobAnswer, KnownFilesOut, Neighbours, UploadOut } from "./schema";

export type { DeletedImages, ImageOut as ImageItem } from "./schema";

/** Which images, and which part of their list. */
export interface ImageRequest extends ImageFilter {
  cursor?: string | null | undefined;
  limit?: number | undefined;
  ids?: number[] | undefined;
}

/** A filter as the API is asked. */
const asked = (filter: ImageFilter): Record<string, string> => Object.fromEntries(new URLSearchParams(filterQuery(filter)));

export const listImages = (id: string, wanted: ImageRequest, signal?: AbortSignal) =>
  request<ImageList>(
    "GET",
    `/datasets/${part(id)}/images${query({ ...asked(wanted), cursor: wanted.cursor, limit: wanted.limit, ids: wanted.ids?.join(",") })}`,
    withSignal(signal),
  );
/** The ids of all images that fit, in order. */
export const listIds = (id: string, filter: ImageFilter, signal?: AbortSignal) =>
  request<ImageIds>("GET", `/datasets/${part(id)}/images/ids${query(asked(filter))}`, withSignal(signal));
export const getImage = (id: number, signal?: AbortSignal) =>
  request<ImageOut>("GET", `/images/${id}`, withSignal(signal));
/** The images around one that fit a filter, and its place among them. */
export const getNeighbours = (image: number, filter: ImageFilter, each: number, signal?: AbortSignal) =>
  request<Neighbours>("GET", `/images/${image}/neighbours${query({ ...asked(filter), before: each, after: each })}`, withSignal(signal));
export const imageThumb = (id: number) => `/api/v1/images/${id}/thumb`;
/** Deletes at most 500 images. confirm: the dataset's name, where there are many; batch: of the part before. */
export const deleteImages = (id: string, image_ids: number[], confirm?: string, batch?: string | null) =>
  request<DeletedImages>("POST", `/datasets/${part(id)}/images/delete`, { json: { image_ids, ...(confirm ? { confirm } : {}), ...(batch ? { batch } : {}) } });
/** Which files, by their SHA-256, are images of the dataset already. */
export const knownFiles = (id: string, sha256: string[]) =>
  request<KnownFilesOut>("POST", `/datasets/${part(id)}/images/known`, { json: { sha256 } });
/** Announces a large file, or finds the unfinished upload of the same one. */
export const beginUpload = (name: string, size_bytes: number, fingerprint: string) =>
  request<UploadOut>("POST", "/uploads", { json: { name, size_bytes, fingerprint: fingerprint.slice(-200) } });
export const putUpload = (id: string, offset: number, bytes: Blob) =>
  request<UploadOut>("PUT", `/uploads/${part(id)}`, { bytes, headers: { "Upload-Offset": String(offset) } });
/** Hands whole uploads to a job. */
export const takeUploads = (id: string, uploads: string[]) =>
  request<JobAnswer>("POST", `/datasets/${part(id)}/images`, { json: { uploads } });
