/** Tuned models in words: which fit a filter, where they come from, what uses them. Pure. */
import type { Job } from "../../../api/jobs";
import type { Model } from "../../../api/models";
import { percent } from "../../../text/format";
import { isActive, jobTitle } from "../../../text/jobs/job-words";
import { tagsOf } from "../../../text/models/model-choices";
import { arrowText, recallAt } from "../../../text/models/recall";

export interface ModelFilter {
  q: string;
  tag: string;
}

/** All tags that models have, in the order of the alphabet. */
export const tagsIn = (models: readonly Model[]): string[] =>
  [...new Set(models.flatMap((model) => model.tags))].sort((a, b) => a.localeCompare(b));

/** The models with the tag, whose name, note, tags, base or dataset have all the words. */
export function fitting(models: readonly Model[], { q, tag }: ModelFilter): Model[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  return models.filter((model) => {
    if (tag !== "" && !model.tags.includes(tag)) return false;
    const { name, note, tags, base, architecture, dataset_id, created_by } = model;
    const text = [name, note, ...tags, base, architecture, dataset_id, created_by].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** "night, street,, Night" as tags: trimmed, none empty, none twice. */
export function tagsFrom(text: string): string[] {
  const tags = text.split(",").map((tag) => tag.trim().replace(/\s+/g, " ")).filter(Boolean);
  return tags.filter((tag, index) => tags.findIndex((one) => one.toLowerCase() === tag.toLowerCase()) === index);
}

/** Tags as typed, with one more at the end or, when it is there, without it. */
export function withTag(text: string, tag: string): string {
  const tags = tagsFrom(text);
  return (tags.includes(tag) ? tags.filter((one) => one !== tag) : [...tags, tag]).join(", ");
}

/** "31 % -> 58 %" of text to image, recall@1. */
export function recallArrow(model: Pick<Model, "metrics">): string {
  const { recall_before, recall_after } = model.metrics;
  return arrowText({ before: recall_before ?? undefined, after: recall_after ?? undefined });
}

/** The points of recall@1 lost on images that it did not train on; negative: gained. Null: not known. */
export function pointsLost({ metrics, base, source }: Pick<Model, "metrics" | "base" | "source">): number | null {
  if (!base && source !== "imported") return null; // random weights know nothing that could be lost
  const before = recallAt(metrics.forgetting?.before, "t2i_r1");
  const after = recallAt(metrics.forgetting?.after, "t2i_r1");
  return before === null || after === null ? null : 100 * (before - after);
}

/** "2 points lost", "none", "1 point gained". */
export function lostText(points: number | null): string {
  if (points === null) return "";
  const size = Math.round(Math.abs(points));
  if (size === 0) return "none";
  return `${size} ${size === 1 ? "point" : "points"} ${points > 0 ? "lost" : "gained"}`;
}

const SOURCES: Record<string, string> = { trained: "Trained", blended: "Blended", imported: "Imported" };
export const sourceWord = (model: Pick<Model, "source">): string => SOURCES[model.source ?? "trained"] ?? String(model.source);

/** What a model began with: another model's name, a catalogue reference, or random weights. */
export function baseName(model: Model, models: readonly Model[]): string {
  const { base, source } = model;
  if (!base) return source === "imported" ? "-" : "random weights";
  const own = models.find((one) => one.id === base);
  return own?.name ?? (base.includes("/") ? base : `${base} (deleted)`);
}

/** The id by which search knows what a model began with; null when that is gone, or was never a model. */
export function untunedId(model: Model, models: readonly Model[]): string | null {
  const { base, architecture } = model;
  if (base) return base.includes("/") || models.some((one) => one.id === base) ? base : null;
  const known = models.find((one) => one.kind === "catalogue" && one.architecture === architecture);
  return model.source !== "imported" && known && tagsOf(known).length === 0 ? `${architecture}/untrained` : null;
}

/** What would miss the model, one sentence each. */
export function usesOf(model: Model, jobs: readonly Job[], nameOf: (dataset: string) => string): string[] {
  const datasets = (ids: readonly string[]) => ids.map(nameOf).join(", ");
  const waiting = jobs.filter((job) => isActive(job.state) && [job.params.pretrained, job.params.model].includes(model.id));
  return [
    ...(model.indexes.length > 0 ? [`Its index of ${datasets(model.indexes)} is deleted with it.`] : []),
    ...(model.is_default_for.length > 0 ? [`It is the default model of ${datasets(model.is_default_for)}: search there falls back to another one.`] : []),
    ...waiting.map((job) => `${jobTitle(job)} needs it and has not ended.`),
  ];
}

/** How it is loaded without this program. folder: where the downloaded zip was unpacked. */
export function loadSnippet(model: Pick<Model, "id" | "folder">): string {
  const folder = (model.folder ?? model.id).split("/").filter(Boolean).at(-1) ?? model.id;
  return [
    "import open_clip",
    "",
    "# the folder where you unpacked the download",
    `source = "local-dir:${folder}"`,
    "model, _, preprocess = open_clip.create_model_and_transforms(source)",
    "tokenizer = open_clip.get_tokenizer(source)",
  ].join("\n");
}

/** The model of a dataset with the highest recall@1, text to image; undefined when none was measured. */
export function bestOf(models: readonly Model[], dataset: string): Model | undefined {
  const measured = models.filter((model) => model.dataset_id === dataset && recallAt(model.metrics.recall_after, "t2i_r1") !== null);
  return measured.reduce<Model | undefined>((best, model) => {
    const isBetter = (model.metrics.recall_after?.t2i_r1 ?? 0) > (best?.metrics.recall_after?.t2i_r1 ?? -1);
    return isBetter ? model : best;
  }, undefined);
}

/** A share of the tuned weights: 0.6 -> "60 % tuned". */
export const alphaText = (alpha: number): string => `${percent(alpha)} tuned`;
