/** The images of a dataset: listing, uploading, deleting. */
import { filterQuery, type ImageFilter } from "../text/images/image-filter";
import { type Page, part, query, request, withSignal } from "./http";
import type { Job } from "./jobs";

export interface ImageItem {
  id: number;
  dataset_id: string;
  filename: string;
  width: number;
  height: number;
  caption: string | null;
  revision: number;
  captioned_by: string | null;
  captioned_at?: string | null;
  /** The captions after the first one: slots 1 to 9. */
  captions?: ExtraCaption[];
  tokens?: number | null;
  flagged_by?: string | null;
  flagged_at?: string | null;
  flag_note?: string | null;
  reviewed_by?: string | null;
  reviewed_at?: string | null;
  /** The kind of picture that it is, for a split by tag. */
  tag?: string | null;
  claimed_by?: string | null;
  lease_expires_at?: string | null;
  url: string;
  thumb_url: string;
}

export interface ExtraCaption {
  slot: number;
  text: string;
  revision: number;
  by: string | null;
  at: string | null;
}

/** The images around one, in order, and its place among all that fit. */
export interface Neighbours {
  items: ImageItem[];
  position: number;
  total: number;
}

/** A file that goes in portions: offset is the byte to go on at. */
export interface LargeUpload {
  id: string;
  name: string;
  size_bytes: number;
  offset: number;
  job_id: string | null;
}

/** Which images, and which part of their list. */
export interface ImageRequest extends ImageFilter {
  cursor?: string | null | undefined;
  limit?: number | undefined;
  ids?: number[] | undefined;
}

/** A filter as the API is asked. */
const asked = (filter: ImageFilter): Record<string, string> => Object.fromEntries(new URLSearchParams(filterQuery(filter)));

export const listImages = (id: string, wanted: ImageRequest, signal?: AbortSignal) =>
  request<Page<ImageItem>>(
    "GET",
    `/datasets/${part(id)}/images${query({ ...asked(wanted), cursor: wanted.cursor, limit: wanted.limit, ids: wanted.ids?.join(",") })}`,
    withSignal(signal),
  );
/** The ids of all images that fit, in order. */
export const listIds = (id: string, filter: ImageFilter, signal?: AbortSignal) =>
  request<{ ids: number[]; total: number }>("GET", `/datasets/${part(id)}/images/ids${query(asked(filter))}`, withSignal(signal));
export const getImage = (id: number, signal?: AbortSignal) =>
  request<ImageItem>("GET", `/images/${id}`, withSignal(signal));
/** The images around one that fit a filter, and its place among them. */
export const getNeighbours = (image: number, filter: ImageFilter, each: number, signal?: AbortSignal) =>
  request<Neighbours>("GET", `/images/${image}/neighbours${query({ ...asked(filter), before: each, after: each })}`, withSignal(signal));
export const imageThumb = (id: number) => `/api/v1/images/${id}/thumb`;
export const deleteImage = (id: number) => request<null>("DELETE", `/images/${id}`);
/** Deletes at most 500 images. */
export const deleteImages = (id: string, image_ids: number[]) =>
  request<{ deleted: number }>("POST", `/datasets/${part(id)}/images/delete`, { json: { image_ids } });
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
