import { SearchX, TextSearch } from "lucide-preact";
import { useState } from "preact/hooks";
import { imageThumb } from "../../api/images";
import type { Hit, IndexInfo, SearchAnswer } from "../../api/search";
import { Button } from "../../design/button";
import { EmptyState, Loaded, Skeleton } from "../../design/states";
import { droppedFiles } from "../../files/picked-files";
import { go, params } from "../../routing/router";
import { searchPath } from "../../routing/routes";
import { rememberDatasetName } from "../../state/datasets/dataset-names";
import { useDataset } from "../../state/datasets/live-datasets";
import type { Resource } from "../../state/resource";
import { useTitle } from "../../state/title";
import { count, countOf, duration } from "../../text/format";
import { BuildIndex } from "./build-index";
import { DefaultModel } from "./default-model";
import { Hits } from "./hits";
import { SearchForm } from "./search-form";
import { type Choice, useHits, useModelChoice, usePictureUrl, type Wanted } from "./use-search";
import "./search.css";

interface ColumnProps {
  datasetId: string;
  model: string;
  index: IndexInfo | undefined;
  answer: Resource<SearchAnswer>;
  wanted: Wanted;
  compareWith?: Hit[] | undefined;
}

function AnswerLine({ answer, index }: { answer: SearchAnswer; index: IndexInfo }) {
  return (
    <p class="search-line num" role="status">
      {countOf(answer.hits.length, "image")} of {count(index.images)} in {answer.took_ms < 1000 ? `${Math.round(answer.took_ms)} ms` : duration(answer.took_ms / 1000)}
    </p>
  );
}

function Column({ datasetId, model, index, answer, wanted, compareWith }: ColumnProps) {
  if (!index) return <BuildIndex datasetId={datasetId} model={model} index={index} />;
  if (wanted === null) {
    return (
      <EmptyState icon={TextSearch} title={`${countOf(index.images, "image")} to search`} text="Type what the picture shows, in your own words, or drop a picture here to find those that look like it." />
    );
  }
  return (
    <div class="stack small">
      {index.stale && <BuildIndex datasetId={datasetId} model={model} index={index} />}
      <Loaded of={answer} datasetId={datasetId} heights={[168, 168, 168]}>
        {(found) =>
          found.hits.length === 0 ? (
            <EmptyState icon={SearchX} title="Nothing found" text="The index holds no image. Add images and build it again." />
          ) : (
            <>
              <AnswerLine answer={found} index={index} />
              <Hits hits={found.hits} datasetId={datasetId} model={model} compareWith={compareWith} />
            </>
          )
        }
      </Loaded>
    </div>
  );
}

function Likeness({ src, text, onClear }: { src: string; text: string; onClear: () => void }) {
  return (
    <div class="likeness">
      <img src={src} alt="" />
      <span>{text}</span>
      <Button small onClick={onClear}>Clear</Button>
    </div>
  );
}

interface ResultsProps {
  datasetId: string;
  choice: Choice;
  wanted: Wanted;
  second: string;
}

function Results({ datasetId, choice, wanted, second }: ResultsProps) {
  const index = choice.indexOf(choice.model);
  const otherIndex = second ? choice.indexOf(second) : undefined;
  const answer = useHits(datasetId, choice.model, wanted, index);
  const other = useHits(datasetId, second, second ? wanted : null, otherIndex);
  if (!choice.indexes.data) return <Skeleton heights={[168, 168]} />;
  const first = <Column datasetId={datasetId} model={choice.model} index={index} answer={answer} wanted={wanted} compareWith={other.data?.hits} />;
  if (!second) return first;
  const labelOf = (id: string) => choice.options.find((option) => option.value === id)?.label ?? id;
  return (
    <div class="columns">
      <section class="stack small" aria-label={labelOf(choice.model)}><h2>{labelOf(choice.model)}</h2>{first}</section>
      <section class="stack small" aria-label={labelOf(second)}>
        <h2>{labelOf(second)}</h2>
        <Column datasetId={datasetId} model={second} index={otherIndex} answer={other} wanted={wanted} compareWith={answer.data?.hits} />
      </section>
    </div>
  );
}

/** The name of the model in use. */
const nameIn = ({ models, model }: Choice): string => models.find((one) => one.id === model)?.name ?? model;

function wantedOf(picture: File | null): Wanted {
  if (picture) return { picture };
  const q = params.value.get("q");
  const like = params.value.get("like");
  if (like && /^\d+$/.test(like)) return { like: Number(like) };
  return q ? { q } : null;
}

/** Find images by words, by a picture, or by likeness. */
export function SearchPage({ id }: { id: string }) {
  const dataset = useDataset(id);
  if (dataset.data) rememberDatasetName(id, dataset.data.name);
  const [picture, setPicture] = useState<File | null>(null);
  const [isOver, setOver] = useState(false);
  const q = params.value.get("q") ?? "";
  useTitle(q || "Search", dataset.data?.name);
  const chosen = dataset.data?.model_id ?? null;
  const choice = useModelChoice(id, params.value.get("model"), chosen);
  const second = params.value.get("second") ?? "";
  const wanted = wantedOf(picture);
  const pictureUrl = usePictureUrl(picture);
  const to = (change: Record<string, string | number | null>) => {
    setPicture(null);
    go(searchPath(id, { q, like: params.value.get("like"), model: choice.model, second, ...change }));
  };
  return (
    <div
      class={isOver ? "stack search-area over" : "stack search-area"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (event.dataTransfer) void droppedFiles(event.dataTransfer).then(([first]) => first && setPicture(first.file));
      }}
    >
      <h1 class="unseen">Search {dataset.data?.name}</h1>
      <SearchForm
        q={q}
        model={choice.model}
        models={choice.options}
        second={second}
        onSecond={(value) => to({ second: value })}
        onSearch={(text) => to({ q: text, like: null })}
        onModel={(model) => to({ model })}
        onPicture={setPicture}
      />
      {wanted && "like" in wanted && <Likeness src={imageThumb(wanted.like)} text="Images like this one" onClear={() => to({ like: null })} />}
      {pictureUrl && <Likeness src={pictureUrl} text="Images like your picture" onClear={() => setPicture(null)} />}
      {!second && dataset.data && choice.indexOf(choice.model) && (
        <DefaultModel key={choice.model} datasetId={id} model={choice.model} name={nameIn(choice)} chosen={chosen} onChanged={dataset.reload} />
      )}
      {dataset.data || dataset.error ? <Results datasetId={id} choice={choice} wanted={wanted} second={second} /> : <Skeleton heights={[168, 168]} />}
    </div>
  );
}
