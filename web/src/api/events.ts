/**
 * What goes over Socket.IO. Written by hand: an OpenAPI document tells of requests and answers only. The
 * server's side is `api/live/sockets.py` and `common/messaging/events.py`.
 */
import type { Problem } from "./http";
import type { Job, JobState } from "./jobs";

/** The progress record of a `job` event or a snapshot: flat. */
export interface JobEvent {
  job_id: string;
  kind: string;
  dataset_id: string | null;
  state: JobState;
  seq: number;
  done?: number | null;
  total?: number | null;
  unit?: string | null;
  message?: string | null;
  metrics?: Record<string, number>;
  eta_s?: number | null;
  error?: Problem | null;
}

/** A caption was saved; text null: taken away. */
export interface CaptionEvent {
  image_id: number;
  slot?: number;
  revision: number;
  text: string | null;
  by: string;
  client_id: string;
}

/** An image's flag, review or tag has changed. */
export interface ImageEvent {
  image_id: number;
  flagged_by: string | null;
  flag_note: string | null;
  reviewed_by: string | null;
  tag: string | null;
}

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
}

/** The state of each room that was entered. */
type Snapshots = { snapshots?: Record<string, Job | JobEvent | Record<string, unknown> | null> };

/** Events by name, as this browser emits them. */
export interface ToServer {
  subscribe: (what: { rooms: string[] }, ack: (answer: Snapshots | null) => void) => void;
  unsubscribe: (what: { rooms: string[] }) => void;
  presence: (what: { dataset_id: string | null; image_id: number | null }) => void;
}
