/** Recall of a run, before and after. Pure. */
import type { Job } from "../../api/jobs";
import type { Recall } from "../../api/models";
import { percent } from "../format";

export interface BeforeAfter {
  before: Recall | undefined;
  after: Recall | undefined;
}

export function recallOf(job: Pick<Job, "result">): BeforeAfter {
  const result = (job.result ?? {}) as { recall_before?: Recall | null; recall_after?: Recall | null };
  return { before: result.recall_before ?? undefined, after: result.recall_after ?? undefined };
}

/** "31 % -> 58 %" of one measure; empty when nothing was measured. */
export function arrowText({ before, after }: BeforeAfter, measure = "t2i_r1"): string {
  const from = before?.[measure];
  const to = after?.[measure];
  if (to === undefined) return "";
  return from === undefined ? percent(to) : `${percent(from)} \u2192 ${percent(to)}`;
}

export const recallText = (job: Pick<Job, "result">): string => arrowText(recallOf(job));
