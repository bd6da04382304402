/**
 * What goes over Socket.IO. Written by hand: an OpenAPI document tells of requests and answers only. The
 * server's side is `api/live/sockets.py` and `common/messaging/events.py`.
 */
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

/** Events by name, as the server emits them. */
export interface FromServer {
  job: (event: JobEvent) => void;
  caption: (event: CaptionEvent) => void;
  image: (event: ImageEvent) => void;
  caption_conflict: (event: { client_id: string; current?: unknown }) => void;
  dataset: (event: { dataset_id: string }) => void;
  queue: (event: { name: string }) => void;
  presence: (event: Presence) => void;
  /** The session of this connection is over; the connection ends. */
  session_ended: (why: Problem) => void;
}

/** The state of each room that was entered. */
type Snapshots = { snapshots?: Record<string, Job | JobEvent | Record<string, unknown> | null> };

/** Events by name, as this browser emits them. */
export interface ToServer {
  subscribe: (what: { rooms: string[] }, ack: (answer: Snapshots | null) => void) => void;
  unsubscribe: (what: { rooms: string[] }) => void;
  presence: (what: { dataset_id: string | null; image_id: number | null }) => void;
}
