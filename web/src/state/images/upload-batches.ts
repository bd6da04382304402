/** What is sent in which portions, and what became of it. Pure. */
import type { Job } from "../../api/jobs";

const BATCH_FILES = 200;
const BATCH_BYTES = 64 * 1024 * 1024;
/** A larger file goes in portions of its own, so that it can go on where it broke off. */
export const LARGE_BYTES = 32 * 1024 * 1024;

/** Parts of at most 200 files or 64 MiB (a larger file goes alone). Pure. */
export function batches<F extends { size: number }>(files: readonly F[], maxFiles = BATCH_FILES, maxBytes = BATCH_BYTES): F[][] {
  const parts: F[][] = [];
  let size = 0;
  for (const file of files) {
    const last = parts.at(-1);
    if (!last || last.length >= maxFiles || size + file.size > maxBytes) {
      parts.push([file]);
      size = file.size;
    } else {
      last.push(file);
      size += file.size;
    }
  }
  return parts;
}

const CAPTIONS = /\.(txt|caption|csv|tsv|jsonl|ndjson|json)$/i;
const UNSEEN = /(^|\/)(\.[^/]*|thumbs\.db|desktop\.ini|__MACOSX)(\/|$)/i;

export interface Named {
  name: string;
  size: number;
}

/** Images and zips go first, captions when those are in; what systems leave in folders stays out. */
export function sortedForUpload<F extends Named>(files: readonly F[]): { small: F[]; large: F[]; captions: F[] } {
  const seen = files.filter((file) => !UNSEEN.test(file.name));
  const captions = seen.filter((file) => CAPTIONS.test(file.name));
  const images = seen.filter((file) => !CAPTIONS.test(file.name));
  return {
    small: images.filter((file) => file.size <= LARGE_BYTES),
    large: images.filter((file) => file.size > LARGE_BYTES),
    captions,
  };
}

export interface Rejected {
  name: string;
  reason: string;
}

export interface CaptionTotals {
  written: number;
  unchanged: number;
  kept: number;
  unmatched: number;
  rejected: number;
  reasons: Rejected[];
}

export interface UploadTotals {
  added: number;
  duplicates: number;
  rejected: number;
  reasons: Rejected[];
  captions: CaptionTotals | null;
  done: number;
  total: number;
}

const number = (value: unknown): number => (typeof value === "number" ? value : 0);
const listed = (value: unknown): Rejected[] => (Array.isArray(value) ? (value as Rejected[]) : []);

function withCaptions(before: CaptionTotals | null, result: unknown): CaptionTotals | null {
  if (typeof result !== "object" || result === null) return before;
  const found = result as Record<string, unknown>;
  const old = before ?? { written: 0, unchanged: 0, kept: 0, unmatched: 0, rejected: 0, reasons: [] };
  return {
    written: old.written + number(found.written),
    unchanged: old.unchanged + number(found.unchanged),
    kept: old.kept + number(found.kept_count),
    unmatched: old.unmatched + number(found.unmatched_count),
    rejected: old.rejected + number(found.rejected_count),
    reasons: [...old.reasons, ...listed(found.rejected)],
  };
}

/** The jobs of one upload as one: what they did, and how far they are. */
export function uploadTotals(jobs: readonly Pick<Job, "result" | "progress">[]): UploadTotals {
  const start: UploadTotals = { added: 0, duplicates: 0, rejected: 0, reasons: [], captions: null, done: 0, total: 0 };
  return jobs.reduce((sum, { result, progress }) => {
    const reasons = listed(result?.rejected);
    return {
      added: sum.added + number(result?.added),
      duplicates: sum.duplicates + number(result?.duplicates),
      rejected: sum.rejected + Math.max(number(result?.rejected_count), reasons.length),
      reasons: [...sum.reasons, ...reasons],
      captions: withCaptions(sum.captions, result?.captions),
      done: sum.done + number(progress.done),
      total: sum.total + number(progress.total),
    };
  }, start);
}
