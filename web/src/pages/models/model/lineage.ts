/** What a model was made from, in words. Pure. */
import type { Model } from "../../../api/models";
import { countOf, percent, short } from "../../../text/format";

export type Fact = [name: string, value: string];

const WORDS: Record<string, string> = {
  dataset_id: "dataset",
  snapshot_id: "frozen captions",
  snapshot_sha256: "their SHA-256",
  caption_seq: "caption revision",
  caption_revisions: "caption revisions",
  train_rows: "captions trained on",
  rows: "captions trained on",
  images: "images trained on",
  val_images: "validation images",
  base_model: "base",
  trained_by: "trained by",
  code_version: "code version",
  blend_of: "blend of",
  imported_from: "imported from",
  imported_by: "imported by",
  lr: "learning rate",
  batch_size: "batch size",
  weight_decay: "weight decay",
  early_stopping: "early stopping",
  gpus: "GPUs",
  alpha: "share of the tuned weights",
};

/** A key of the registry as people call it: "batch_size" -> "batch size". */
export const settingWord = (key: string): string => WORDS[key] ?? key.replaceAll("_", " ");

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const isEmpty = (value: unknown): boolean => value === null || value === undefined || value === "";

/** "synonyms, 2 for each caption, 340 rows" */
function augmentationText(made: Record<string, unknown>): string {
  const parts = [
    isEmpty(made.method) ? "" : made.method === "llm" ? "language model" : String(made.method),
    typeof made.per_caption === "number" ? `${short(made.per_caption)} for each caption` : "",
    typeof made.rows === "number" ? countOf(made.rows, "row") : "",
  ];
  return parts.filter(Boolean).join(", ") || "augmented";
}

/** "clip-browser 0.1.0, torch 2.13.0, commit fe37a84" */
const codeText = (versions: Record<string, unknown>): string =>
  Object.entries(versions).map(([name, version]) => `${name} ${name === "commit" ? String(version).slice(0, 12) : String(version)}`).join(", ");

/** 0 and false: off; true: on; a number: that many epochs without a better one. */
function stoppingText(value: unknown): string {
  if (value === true) return "on";
  return value ? `after ${countOf(Number(value), "epoch")} without a gain` : "off";
}

/** A value as people read it: 0.00001 -> "1e-5", true -> "yes". */
export function valueText(key: string, value: unknown): string {
  if (key === "early_stopping") return stoppingText(value);
  if (key === "alpha" && typeof value === "number") return percent(value);
  if (typeof value === "number") return key === "caption_seq" ? String(value) : short(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map((one) => valueText("", one)).join(", ");
  if (isRecord(value)) {
    if (key === "augmentation") return augmentationText(value);
    if (key === "code_version") return codeText(value);
    return Object.entries(value).filter(([, inner]) => !isEmpty(inner)).map(([name, inner]) => `${settingWord(name)} ${valueText(name, inner)}`).join(", ");
  }
  return String(value);
}

/** Where its captions, weights and code come from; what is not known is left out. */
export function lineageFacts(model: Pick<Model, "lineage">): Fact[] {
  return Object.entries(model.lineage ?? {})
    .filter(([key, value]) => !isEmpty(value) || key === "augmentation")
    .map(([key, value]) => [settingWord(key), isEmpty(value) ? "none" : valueText(key, value)]);
}

/** The settings of its training; those of the model itself stand elsewhere. */
export function settingFacts(model: { params: Model["params"] | null }): Fact[] {
  const others = new Set(["name", "image_size", "embed_dim", "parameters"]);
  return Object.entries(model.params ?? {})
    .filter(([key, value]) => !others.has(key) && !isEmpty(value))
    .map(([key, value]) => [settingWord(key), valueText(key, value)]);
}
