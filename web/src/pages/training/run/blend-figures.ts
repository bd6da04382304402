/** The weights between the untuned and the tuned model, as a run measured them. Pure. */
import type { Job } from "../../../api/jobs";
import type { Blend, Forgetting } from "../../../api/models";
import type { Series } from "../../../charts/series";
import { blendFigure } from "../../../text/models/recall";

const MEASURE = "t2i_r1";

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** The measured blends, from untuned (alpha 0) to tuned (alpha 1). */
export function blendsOf(job: Pick<Job, "result">): Blend[] {
  const found = job.result?.blends;
  if (!Array.isArray(found)) return [];
  return found.filter((one): one is Blend => isRecord(one) && typeof one.alpha === "number").sort((a, b) => a.alpha - b.alpha);
}

export function bestAlphaOf(job: Pick<Job, "result">): number | null {
  const best = job.result?.best_alpha;
  return typeof best === "number" ? best : null;
}

/** What a run kept of what the model could do before; null when nothing was measured. */
export function forgettingOf(job: Pick<Job, "result">): Forgetting | null {
  const found = job.result?.forgetting;
  return isRecord(found) && isRecord(found.before) && isRecord(found.after) ? (found as unknown as Forgetting) : null;
}

function curve(blends: readonly Blend[], measure: string): [number, number][] {
  return blends.flatMap((blend): [number, number][] => {
    const value = blendFigure(blend, measure);
    return value === null ? [] : [[blend.alpha, value]];
  });
}

/** Recall on the validation images and on the fixed ones over alpha, and the best one's place. */
export function blendSeries(blends: readonly Blend[], best: number | null): Series[] {
  const recall = curve(blends, MEASURE);
  const kept = curve(blends, "forgetting");
  const series: Series[] = [{ name: "recall@1 here", colour: "--curve-1", points: recall, dots: true }];
  if (kept.length > 0) series.push({ name: "recall@1 on the fixed set", colour: "--curve-2", points: kept, dots: true });
  const top = recall.filter(([alpha]) => alpha === best);
  if (top.length > 0) series.push({ name: "best", colour: "--done", points: top, dots: true, marks: true });
  return series;
}

/** "the untuned model", "70 % tuned", "the tuned model". */
export function alphaText(alpha: number): string {
  if (alpha <= 0) return "the untuned model";
  return alpha >= 1 ? "the tuned model" : `${Math.round(alpha * 100)} % tuned`;
}

/** Text-to-image recall@1 of a blend, and of what it kept. */
export const measuresOf = (blend: Blend): { recall: number | null; back: number | null; kept: number | null } => ({
  recall: blendFigure(blend, MEASURE),
  back: blendFigure(blend, "i2t_r1"),
  kept: blendFigure(blend, "forgetting"),
});

