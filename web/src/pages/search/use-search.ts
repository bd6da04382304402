/** What is looked for, and what a model finds. */
import { useEffect, useState } from "preact/hooks";
import { listModels, type Model } from "../../api/models";
import { type IndexInfo, type IndexList, listIndexes, type SearchAnswer, searchPicture, searchText } from "../../api/search";
import type { Option } from "../../design/field";
import { datasetVersion } from "../../state/datasets/live-datasets";
import { activeJobs } from "../../state/jobs/live-jobs";
import { type Resource, useResource } from "../../state/resource";
import { searchOptions, startModel } from "../../text/models/model-choices";

export type Wanted = { q: string } | { like: number } | { picture: File } | null;

const HITS = 60;

/** The hits of one model; nothing is asked while there is nothing to look for or no index. */
export function useHits(datasetId: string, model: string, wanted: Wanted, index: IndexInfo | undefined, k = HITS): Resource<SearchAnswer> {
  const what = wanted === null || !index ? null : "picture" in wanted ? `${wanted.picture.name} ${wanted.picture.lastModified} ${wanted.picture.size}` : wanted;
  return useResource(
    (stop) => {
      if (wanted !== null && "picture" in wanted) return searchPicture(datasetId, wanted.picture, { model, k }, stop);
      return searchText(datasetId, { ...wanted, model, k }, stop);
    },
    [datasetId, model, what, k],
    index?.created_at,
  );
}

export interface Choice {
  options: Option[];
  indexes: Resource<IndexList>;
  models: Model[];
  /** The model in use: the address's, else the one to begin with. */
  model: string;
  indexOf: (model: string) => IndexInfo | undefined;
}

/** The models to search with, and which of them have an index here. chosen: the dataset's default model. */
export function useModelChoice(datasetId: string, asked: string | null, chosen: string | null): Choice {
  const version = `${datasetVersion(datasetId)} ${activeJobs.value.length}`;
  const indexes = useResource((stop) => listIndexes(datasetId, stop), [datasetId], version);
  const models = useResource((stop) => listModels(stop), [], version);
  const newestFirst = [...(indexes.data?.items ?? [])].sort((a, b) => b.created_at.localeCompare(a.created_at));
  const ids = newestFirst.map((index) => index.model_id);
  const options = searchOptions(models.data?.items ?? [], ids, chosen);
  const model = asked ?? startModel(options, ids, chosen);
  const isListed = options.some((option) => option.value === model);
  return {
    options: isListed || model === "" ? options : [{ value: model, label: model }, ...options],
    indexes,
    models: models.data?.items ?? [],
    model,
    indexOf: (id) => newestFirst.find((index) => index.model_id === id),
  };
}

/** A picture as an address for an img, given back when it changes. */
export function usePictureUrl(file: File | null): string | null {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (!file) return setUrl(null);
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return url;
}
