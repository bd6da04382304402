/** What the API sends and takes about many captions at once, and about who did what. */
import type { ImageFilter } from "../text/image-filter";

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
