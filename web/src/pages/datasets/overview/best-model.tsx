import type { Dataset } from "../../../api/datasets";
import { listModels, type Model, type ModelList } from "../../../api/models";
import { datasetVersion } from "../../../state/datasets/live-datasets";
import { type Resource, useResource } from "../../../state/resource";
import { modelPath } from "../../models/list/addresses";
import { bestOf, recallArrow } from "../../models/list/model-words";

/** The models, asked for where the dataset has been trained on; kept while it changes. */
export function useModels(dataset: Dataset): Resource<ModelList> {
  const isTrained = dataset.steps.some((step) => step.key === "train" && step.state !== "empty" && step.state !== "ready");
  return useResource((stop) => listModels(stop), [isTrained ? dataset.id : null], datasetVersion(dataset.id));
}

/** "recall@1 31 % -> 58 %" of the best model of a dataset; empty when none was measured. */
export function bestModelFigure(models: readonly Model[], dataset: Dataset): string {
  const best = bestOf(models, dataset.id);
  return best ? `recall@1 ${recallArrow(best)}` : "";
}

function Named({ id, models }: { id: string; models: readonly Model[] }) {
  const own = models.find((model) => model.id === id);
  return own?.kind === "finetuned" ? <a href={modelPath(id)}>{own.name}</a> : <>{id}</>;
}

/** Which model is the best one, and which one search begins with. */
export function BestModelLine({ models, dataset }: { models: readonly Model[]; dataset: Dataset }) {
  const best = bestOf(models, dataset.id);
  const chosen = dataset.model_id ?? null;
  if (best && best.id === chosen) return <p class="reason"><Named id={best.id} models={models} /> is the best and the default.</p>;
  return (
    <>
      {best && <p class="reason">Best: <Named id={best.id} models={models} />.</p>}
      {chosen !== null && <p class="reason">Default: <Named id={chosen} models={models} />.</p>}
    </>
  );
}
