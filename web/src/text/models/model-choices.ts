/** Models as choices. Pure. */
import type { Model } from "../../api/models";
import type { Option } from "../../design/field";

/** The pretrained tags of a catalogue model. */
export function tagsOf(model: Model): string[] {
  const { pretrained } = model;
  if (Array.isArray(pretrained)) return pretrained;
  return pretrained ? [pretrained] : [];
}

export const catalogueOf = (models: readonly Model[]): Model[] => models.filter((model) => model.kind === "catalogue");
export const tunedOf = (models: readonly Model[]): Model[] =>
  models.filter((model) => model.kind === "finetuned").sort((a, b) => (b.created_at ?? "").localeCompare(a.created_at ?? ""));

/** Weights trained with QuickGELU have an architecture of their own; people know it by the plain name. */
export const plainName = (model: Model): string => (model.architecture || model.name).replace(/-quickgelu$/, "");

/** Weights that have to be fetched first. */
const isAway = (model: Model): boolean => model.weights === "not here";

/** The architectures to train, recommended ones first. */
export function architectureOptions(models: readonly Model[]): Option[] {
  const seen = new Map<string, Option>();
  const ordered = [...catalogueOf(models)].sort((a, b) => Number(b.recommended) - Number(a.recommended));
  for (const model of ordered) {
    const value = plainName(model);
    if (!seen.has(value)) seen.set(value, { value, label: model.recommended ? `${value} (recommended)` : value });
  }
  return [...seen.values()];
}

/** What an architecture can start from: its tags, own models of the same architecture, nothing. */
export function pretrainedOptions(models: readonly Model[], architecture: string): Option[] {
  const tags = catalogueOf(models).filter((model) => plainName(model) === architecture).flatMap((model) =>
    tagsOf(model).filter((tag) => tag !== "untrained").map((tag) => ({ value: tag, label: isAway(model) ? `${tag} (to be fetched)` : tag, group: "Pretrained weights" })),
  );
  const own = tunedOf(models)
    .filter((model) => plainName(model) === architecture)
    .map((model) => ({ value: model.id, label: model.name, group: "Own models" }));
  return [...tags, ...own, { value: "", label: "From scratch" }];
}

/** The id a catalogue model with a tag is searched by, "ViT-B-32/openai". */
export function searchIds(model: Model): string[] {
  if (model.kind === "finetuned") return [model.id];
  if (model.id.includes("/")) return [model.id];
  const tags = tagsOf(model);
  return tags.length > 0 ? tags.map((tag) => `${plainName(model)}/${tag}`) : [`${plainName(model)}/untrained`];
}

/** The models to search with: tuned ones first, newest first. chosen: the dataset's default model. */
export function searchOptions(models: readonly Model[], indexed: readonly string[], chosen: string | null = null): Option[] {
  const mark = (id: string, label: string) => {
    const marks = [...(id === chosen ? ["default"] : []), ...(indexed.includes(id) ? [] : ["no index yet"])];
    return marks.length > 0 ? `${label} (${marks.join(", ")})` : label;
  };
  const tuned = tunedOf(models).map((model) => ({ value: model.id, label: mark(model.id, model.name), group: "Tuned models" }));
  const rest = catalogueOf(models).flatMap((model) =>
    searchIds(model).map((id) => ({ value: id, label: mark(id, id), group: "Catalogue" })),
  );
  return [...tuned, ...rest.filter((option, index) => rest.findIndex((one) => one.value === option.value) === index)];
}

/** The model to begin with: the default where it has an index, the newest index's, the newest tuned model, the first. */
export function startModel(options: readonly Option[], indexed: readonly string[], chosen: string | null = null): string {
  const wanted = chosen !== null && indexed.includes(chosen) ? [chosen, ...indexed] : indexed;
  const first = wanted.find((id) => options.some((option) => option.value === id));
  return first ?? options[0]?.value ?? "";
}
