/**
 * What goes over Socket.IO. Written by hand: an OpenAPI document tells of requests and answers only. The
 * server's side is `api/live/` and `common/messaging/events.py`.
 */
import type { Dataset } from "./datasets";
import type { Problem } from "./http";
import type { ImageItem } from "./images";
import type { Job, Progress } from "./jobs";
import type { SavedCaption } from "./schema";

/** The progress record of a `job` event or a snapshot: flat. */
export type JobEvent = { job_id: string; error?: Problem | null } & Pick<Job, "kind" | "dataset_id" | "state" | "seq"> & Partial<Progress>;

/** A caption was saved, as the answer to its save says it; text null: taken away. */
export type CaptionEvent = SavedCaption;

/** An image's flag, review or tag has changed. */
export type ImageEvent = { image_id: number } & Pick<ImageItem, "flagged_by" | "flag_note" | "reviewed_by" | "tag">;

export interface Presence {
  dataset_id: string;
  users: { name: string; image_id: number | null }[];
}

/** Events by name. */
export interface Told {
  job: (event: JobEvent) => void;
  caption: (event: CaptionEvent) => void;
  image: (event: ImageEvent) => void;
  caption_conflict: (event: { client_id: string; current?: unknown }) => void;
  /** With the dataset as it is now, if the event came in a batch; null: it was deleted. */
  dataset: (event: { dataset_id: string; dataset?: Dataset | null }) => void;
  queue: (event: { name: string }) => void;
  presence: (event: Presence) => void;
  /** So many captions were saved that they are not told one by one. */
  many_captions: (event: { dataset_id: string }) => void;
  /** The server did not hear for a while what was told of jobs. */
  missed: () => void;
}

/** What happened in a room since the batch before: events with their data, of one thing the newest. */
export interface Batch {
  room: string;
  events: [name: string, data: unknown][];
}

/** Events by name, as the server emits them: those in a job's own room come alone, all others in batches. */
export interface FromServer extends Told {
  /** The session of this connection is over; the connection ends. */
  session_ended: (why: Problem) => void;
  batch: (event: Batch) => void;
}

/** Gives each event of a batch to its handler. An event of a newer server, which has none, is left out. */
export function unpack({ events }: Batch, handlers: Told): void {
  const byName = handlers as unknown as Record<string, ((data: unknown) => void) | undefined>;
  for (const [name, data] of events) if (Object.hasOwn(handlers, name)) byName[name]?.(data);
}

/** The state of each room that was entered. */
type Snapshots = { snapshots?: Record<string, Job | JobEvent | Record<string, unknown> | null> };

/** Events by name, as this browser emits them. */
export interface ToServer {
  /** batched: what is told in `jobs` and `dataset:ID` comes as `batch`. */
  subscribe: (what: { rooms: string[]; batched: boolean }, ack: (answer: Snapshots | null) => void) => void;
  unsubscribe: (what: { rooms: string[] }) => void;
  presence: (what: { dataset_id: string | null; image_id: number | null }) => void;
}
