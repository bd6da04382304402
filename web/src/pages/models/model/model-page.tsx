import { ArrowLeft, GitCompareArrows, Search } from "lucide-preact";
import type { Model } from "../../../api/models";
import { Button } from "../../../design/button";
import { Card, Facts } from "../../../design/card";
import { PageHead } from "../../../design/page-head";
import { When } from "../../../design/when";
import { go } from "../../../routing/router";
import { datasetPath, runPath, searchPath } from "../../../routing/routes";
import { datasetName } from "../../../state/datasets/dataset-names";
import { useTitle } from "../../../state/title";
import { millions } from "../../../text/format";
import { modelPath } from "../list/addresses";
import { baseName, sourceWord, tagsIn, untunedId } from "../list/model-words";
import { Defaults, Tags } from "../list/tuned-table";
import { Blends } from "./blends";
import { HowToLoad } from "./how-to-load";
import { lineageFacts, settingFacts } from "./lineage";
import { ModelActions } from "./model-actions";
import { ModelFigures } from "./model-figures";

function Base({ model, all }: { model: Model; all: Model[] }) {
  const own = all.find((one) => one.id === model.base && one.kind === "finetuned");
  return own ? <a href={modelPath(own.id)}>{own.name}</a> : <>{baseName(model, all)}</>;
}

function About({ model, all }: { model: Model; all: Model[] }) {
  const size = [model.parameters === null ? "" : `${millions(model.parameters)} parameters`, model.image_size === null ? "" : `images of ${model.image_size} px`];
  return (
    <Card title="About">
      <Facts
        of={[
          ["source", sourceWord(model)],
          ["base", <Base model={model} all={all} />],
          ["architecture", [model.architecture, ...size].filter(Boolean).join(", ")],
          ["dataset", model.dataset_id ? <a href={datasetPath(model.dataset_id)}>{datasetName(model.dataset_id)}</a> : "-"],
          ["run", model.job_id ? <a href={runPath(model.job_id)}>{model.source === "trained" ? "Log and curves" : "Log"}</a> : "-"],
          ["made", <><When at={model.created_at} />{model.created_by ? ` by ${model.created_by}` : ""}</>],
          ["searched in", model.indexes.length > 0 ? <span class="row">{model.indexes.map((id) => <a key={id} href={searchPath(id, { model: model.id })}>{datasetName(id)}</a>)}</span> : "no index yet"],
          ["folder", <code>{model.folder ?? "-"}</code>],
        ]}
      />
    </Card>
  );
}

function Lineage({ model }: { model: Model }) {
  const facts = lineageFacts(model);
  const settings = settingFacts(model);
  return (
    <Card title="Made from" text="Enough to make it again: the captions as they were, the settings, the code.">
      <div class="stack small">
        {facts.length > 0 ? <Facts of={facts} /> : <p class="muted">Nothing is known of how it was made.</p>}
        {settings.length > 0 && <details><summary>Settings</summary><Facts of={settings} /></details>}
      </div>
    </Card>
  );
}

function Ways({ model, all }: { model: Model; all: Model[] }) {
  const dataset = model.indexes[0] ?? model.dataset_id;
  const untuned = untunedId(model, all);
  if (!dataset) return null;
  return (
    <>
      <Button kind="primary" icon={Search} href={searchPath(dataset, { model: model.id })}>Search with it</Button>
      {untuned && <Button icon={GitCompareArrows} href={searchPath(dataset, { model: model.id, second: untuned })}>Search beside the untuned model</Button>}
    </>
  );
}

interface ModelPageProps {
  model: Model;
  all: Model[];
  onChanged: () => void;
}

/** One tuned model: how good it is, what it was made from, and all that can be done with it. */
export function ModelPage({ model, all, onChanged }: ModelPageProps) {
  useTitle(model.name, "Models");
  const blends = model.metrics.blends ?? [];
  const deleted = () => {
    go("/models");
    onChanged();
  };
  return (
    <>
      <PageHead title={model.name} text={model.note || undefined}>
        <Button icon={ArrowLeft} href="/models">All models</Button>
      </PageHead>
      <div class="stack">
        {model.tags.length + model.is_default_for.length > 0 && <div class="row"><Defaults of={model.is_default_for} /><Tags of={model.tags} /></div>}
        <div class="row">
          <Ways model={model} all={all} />
          <ModelActions model={model} known={tagsIn(all)} onChanged={onChanged} onDeleted={deleted} />
        </div>
        <div class="columns">
          <ModelFigures model={model} />
          <About model={model} all={all} />
        </div>
        {blends.length > 0 && <Blends model={model} blends={blends} canMake={model.source === "trained" && Boolean(model.base) && untunedId(model, all) !== null} />}
        <div class="columns">
          <Lineage model={model} />
          <HowToLoad model={model} />
        </div>
      </div>
    </>
  );
}
