/** Recall of runs, models and blends. Pure. */
import type { Job } from "../../api/jobs";
import type { Blend, Forgetting, ModelMetrics, Recall } from "../../api/models";
import { countOf, percent } from "../format";

/** One of the recalls, as a fraction; null: it was not measured. */
export const recallAt = (recall: Recall | null | undefined, measure: string): number | null => recall?.[measure] ?? null;

/** A figure of a blend; null: it was not measured. */
export const blendFigure = (blend: Blend, measure: string): number | null => {
  const value = blend[measure];
  return typeof value === "number" ? value : null;
};

export interface BeforeAfter {
  before: Recall | undefined;
  after: Recall | undefined;
}

export function recallOf(job: Pick<Job, "result">): BeforeAfter {
  const result = (job.result ?? {}) as Pick<ModelMetrics, "recall_before" | "recall_after">;
  return { before: result.recall_before ?? undefined, after: result.recall_after ?? undefined };
}

/** "31 % -> 58 %" of one measure; empty when nothing was measured. */
export function arrowText({ before, after }: Partial<BeforeAfter>, measure = "t2i_r1"): string {
  const from = recallAt(before, measure);
  const to = recallAt(after, measure);
  if (to === null) return "";
  return from === null ? percent(to) : `${percent(from)} \u2192 ${percent(to)}`;
}

/** "200 images"; the record of a model that was brought in need not say how many. */
export const controlImages = ({ images }: Forgetting): string => (images === undefined ? "images" : countOf(images, "image"));

export const recallText = (job: Pick<Job, "result">): string => arrowText(recallOf(job));
