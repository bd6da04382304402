/** What the API sends: one type for each noun. Times are ISO-8601 in UTC. */

export interface Problem {
  code: string;
  message: string;
  remedy: string;
  details?: unknown;
}

export interface User {
  name: string;
  role: "admin" | "member";
  created_at?: string;
}

export type StepKey = "images" | "captioned" | "split" | "augment" | "train" | "index" | "search";
export type StepState = "empty" | "ready" | "running" | "done" | "stale" | "failed";

export interface Step {
  key: StepKey;
  state: StepState;
  figure: string;
  reason: string;
  job_id: string | null;
}

export interface Dataset {
  id: string;
  name: string;
  created_at: string;
  created_by: string | null;
  counts: {
    images: number;
    captioned: number;
    train?: number;
    val?: number;
    train_rows?: number;
  };
  cover?: string[];
  steps?: Step[];
  /** The model that people chose to search it with. */
  model_id?: string | null;
}

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

/** One saved text of an image; null: the caption was taken away. */
export interface CaptionRevision {
  slot: number;
  revision: number;
  text: string | null;
  author: string | null;
  client_id: string;
  created_at: string;
}

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

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

export type JobKind =
  | "sample"
  | "ingest"
  | "import_captions"
  | "split"
  | "augment"
  | "train"
  | "index"
  | "map";

export type JobState = "queued" | "running" | "stopping" | "succeeded" | "failed" | "stopped";

export interface Progress {
  done: number | null;
  total: number | null;
  unit: string | null;
  message: string | null;
  metrics: Record<string, number>;
  eta_s: number | null;
}

export interface Job {
  id: string;
  kind: JobKind | string;
  state: JobState;
  seq: number;
  progress: Progress;
  params: Record<string, unknown>;
  result: Record<string, unknown> | null;
  error: Problem | null;
  notes: string[];
  queue: string;
  queue_position: number | null;
  eta_s: number | null;
  priority: number;
  attempt: number;
  dataset_id: string | null;
  created_by: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  stop_requested: string | null;
  after_job_id: string | null;
  resumable: boolean;
  /** Runs that were started together, such as those of a sweep. */
  group_id?: string | null;
  /** Of what waits or runs; null while nobody can tell. */
  estimated_start?: string | null;
  estimated_end?: string | null;
  /** Why it waits. */
  queue_reason?: string | null;
}

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

export interface CaptionVersion {
  revision: number;
  text: string | null;
  by: string;
}

export interface Presence {
  dataset_id: string;
  users: { name: string; image_id: number | null }[];
}

export interface MetricPoint {
  step: number;
  epoch: number | null;
  value: number;
  time?: string;
}
export type Metrics = Record<string, MetricPoint[]>;

export interface Model {
  id: string;
  name: string;
  kind: "catalogue" | "finetuned";
  architecture: string;
  pretrained: string[] | string | null;
  parameters: number | null;
  image_size: number | null;
  embed_dim: number | null;
  weights: "cached" | "not here" | "own" | "none" | string;
  recommended: boolean;
  description: string | null;
  dataset_id: string | null;
  job_id: string | null;
  metrics: ModelMetrics | null;
  params: Record<string, unknown> | null;
  created_at: string | null;
  created_by?: string | null;
  note: string | null;
  folder: string | null;
  indexes: string[];
  tags: string[];
  source: "trained" | "blended" | "imported" | null;
  lineage: Record<string, unknown> | null;
  /** Datasets that are searched with it unless somebody chooses another one. */
  is_default_for: string[];
  /** What it began with: a catalogue reference, a model's id, or "". */
  base: string | null;
}

export interface ModelMetrics {
  recall_before?: Recall | null;
  recall_after?: Recall | null;
  best_epoch?: number | null;
  forgetting?: Forgetting | null;
  blends?: Blend[] | null;
  best_alpha?: number | null;
}

/** What a run kept of what the model could do before, on images it did not train on. */
export interface Forgetting {
  images: number;
  before: Recall;
  after: Recall;
}

/** The weights between base (alpha 0) and tuned (alpha 1), measured. forgetting: recall@1 on the probe images. */
export type Blend = { alpha: number; forgetting: number | null } & Record<string, number | null>;

/** Recall at 1, 5 and 10 as fractions: `t2i_r1`, `i2t_r10` and so on. */
export type Recall = Record<string, number>;

export interface Planned {
  value: number | string;
  auto: boolean;
  why: string;
}

export interface TrainPlan {
  settings: Record<string, Planned | string | number>;
  rows: number;
  images: number;
  val_images: number;
  steps: number;
  steps_per_epoch: number;
  estimated_s: number | null;
  memory_gb: number | null;
  device: string;
  gpus?: number;
  memory_note?: string | null;
  /** What the time was told by; null: nothing like it was measured on this machine. */
  estimated_from?: { source: "run" | "probe"; job_id: string; device: string | null; at: string | null } | null;
  /** The user guide's own figures for this model. hours: least, most; scaled_hours: for this run's size. */
  guide?: { hours: number[]; memory_gb: number; images: number; epochs: number; scaled_hours?: number[] } | null;
  lr_curve: [number, number][];
  warnings: string[];
  defaults: Record<string, number | string>;
  defaults_why: string;
}

export interface IndexInfo {
  model_id: string;
  model_name: string;
  images: number;
  dim: number;
  created_at: string;
  stale: boolean;
  job_id: string | null;
}

export interface Hit {
  image_id: number;
  score: number;
  caption: string | null;
  filename: string;
  width: number;
  height: number;
  thumb_url: string;
  url: string;
}

export interface SearchAnswer {
  hits: Hit[];
  model: string;
  index: string | Record<string, unknown>;
  took_ms: number;
}

export interface DatasetMap {
  points: [number, number, number, number][];
  clusters: { id: number; label: string; size: number }[];
}

export interface Worker {
  name: string;
  host: string;
  pid: number | null;
  queues: string[];
  state: "online" | "offline";
  active: { job_id: string; kind: string }[];
  concurrency: number | null;
  started_at: string | null;
}

export interface System {
  version: string;
  versions: Record<string, string>;
  device: string;
  stack: string;
  workers: Worker[];
  queues: { name: string; depth: number; running: number; workers: number }[];
  gpus: {
    index: number;
    name: string;
    memory_gb: number;
    used_gb: number | null;
    utilisation: number | null;
  }[];
  store: { kind: string; ok: boolean; detail?: string };
  database: { kind: string; ok: boolean };
  redis: { ok: boolean; server?: string; detail?: string };
  disk: { free_gb: number; total_gb: number };
  tensorboard: { url: string | null };
  llm: LlmState;
}

/** Whether paraphrases by a language model can be asked for; here: its files need no download. */
export interface LlmState {
  available: boolean;
  how: "endpoint" | "vllm" | null;
  model: string;
  here: boolean;
  message: string;
  remedy: string;
}

export interface ApiToken {
  id: string | number;
  name: string;
  created_at: string;
  token?: string;
}

/** A file that goes in portions: offset is the byte to go on at. */
export interface LargeUpload {
  id: string;
  name: string;
  size_bytes: number;
  offset: number;
  job_id: string | null;
}
