/** What came of several runs, side by side, the best of each figure marked. Pure. */
import type { Job } from "../../../api/jobs";
import { duration, short } from "../../../text/format";
import { arrowText, recallAt, recallOf } from "../../../text/models/recall";
import { forgettingOf } from "../run/blend-figures";

export interface FigureRow {
  name: string;
  /** What the figure means, for hover. */
  why: string;
  texts: string[];
  /** The runs that have the best value; empty when all have the same, or fewer than two have one. */
  best: number[];
}

type Result = Pick<Job, "result" | "params">;
type Better = "more" | "less" | null;

interface Figure {
  name: string;
  why: string;
  better: Better;
  value: (job: Result) => number | null;
  text: (value: number, job: Result) => string;
}

const numberOf = (job: Result, key: string): number | null => {
  const value = job.result?.[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
};

const recallFigure = (measure: string, name: string): Figure => ({
  name,
  why: "Before and after training, on the validation images.",
  better: "more",
  value: (job) => recallAt(recallOf(job).after, measure),
  text: (_, job) => arrowText(recallOf(job), measure),
});

const plainFigure = (key: string, name: string, why: string, better: Better, text: (value: number) => string): Figure => ({
  name,
  why,
  better,
  value: (job) => numberOf(job, key),
  text,
});

/** The points of recall@1 lost on images that the run did not train on; null where it began from scratch. */
function lostPoints(job: Result): number | null {
  if (!job.params.pretrained) return null;
  const forgetting = forgettingOf(job);
  const before = recallAt(forgetting?.before, "t2i_r1");
  const after = recallAt(forgetting?.after, "t2i_r1");
  return before === null || after === null ? null : 100 * (before - after);
}

const FIGURES: Figure[] = [
  recallFigure("t2i_r1", "Text to image, recall@1"),
  recallFigure("t2i_r5", "Text to image, recall@5"),
  recallFigure("t2i_r10", "Text to image, recall@10"),
  recallFigure("i2t_r1", "Image to text, recall@1"),
  recallFigure("i2t_r5", "Image to text, recall@5"),
  recallFigure("i2t_r10", "Image to text, recall@10"),
  {
    name: "Forgetting",
    why: "Recall@1 before and after, on images that it did not train on.",
    better: "less",
    value: lostPoints,
    text: (_, job) => arrowText(forgettingOf(job) ?? {}),
  },
  plainFigure("best_epoch", "Best epoch", "The epoch whose weights are kept; 0 is the untuned model.", null, short),
  plainFigure("took_s", "Time", "From the start of the trainer to its end.", "less", duration),
  plainFigure("samples_per_second", "Samples per second", "Images with their captions, while it trained.", "more", short),
  plainFigure("peak_memory_gb", "Memory", "The most that it took of the GPU.", "less", (value) => `${value.toFixed(1)} GB`),
];

/** The places of the best values. */
function bestOf(values: readonly (number | null)[], better: Better): number[] {
  const known = values.filter((value): value is number => value !== null);
  if (better === null || new Set(known).size < 2) return [];
  const best = better === "more" ? Math.max(...known) : Math.min(...known);
  return values.flatMap((value, index) => (value === best ? [index] : []));
}

/** One row for each figure that any of the runs has. */
export function figureRows(jobs: readonly Result[]): FigureRow[] {
  return FIGURES.flatMap(({ name, why, better, value, text }) => {
    const values = jobs.map(value);
    if (values.every((one) => one === null)) return [];
    const texts = values.map((one, index) => (one === null ? "-" : text(one, jobs[index]!)));
    return [{ name, why, texts, best: bestOf(values, better) }];
  });
}

/** The run with the highest recall@1, text to image; the first of equal ones; undefined: none was measured. */
export function bestRun<J extends Result>(jobs: readonly J[]): J | undefined {
  const r1 = (job: J) => recallAt(recallOf(job).after, "t2i_r1");
  return jobs.reduce<J | undefined>((best, job) => {
    const own = r1(job);
    return own !== null && own > ((best && r1(best)) ?? -1) ? job : best;
  }, undefined);
}

/** Of the first `k` images of one list, how many are among the first `k` of the other. */
export function inBoth(one: readonly { image_id: number }[], other: readonly { image_id: number }[], k: number): number {
  const ids = new Set(other.slice(0, k).map((hit) => hit.image_id));
  return one.slice(0, k).filter((hit) => ids.has(hit.image_id)).length;
}

