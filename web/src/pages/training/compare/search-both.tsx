import { Search, Waypoints } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { startJob } from "../../../api/jobs";
import { listModels } from "../../../api/models";
import { type Hit, type IndexInfo, listIndexes } from "../../../api/search";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Select } from "../../../design/field";
import { ErrorState, Loaded } from "../../../design/states";
import { go, params } from "../../../routing/router";
import { datasetName } from "../../../state/datasets/dataset-names";
import { datasetVersion } from "../../../state/datasets/live-datasets";
import { acceptJob, activeJobs } from "../../../state/jobs/live-jobs";
import { useAction, useResource } from "../../../state/resource";
import { countOf } from "../../../text/format";
import { BuildIndex } from "../../search/build-index";
import { Hits } from "../../search/hits";
import { useHits } from "../../search/use-search";
import { inBoth } from "./figures";
import { RunName } from "./run-name";
import type { Run } from "./runs";
import "./search-both.css";

const SHOWN = 12;

type WithModel = Run & { modelId: string };

function setParam(name: string, value: string): void {
  const next = new URLSearchParams(params.value);
  if (value === "") next.delete(name);
  else next.set(name, value);
  go(`/compare?${next.toString()}`, { replace: true });
}

interface ColumnProps {
  run: WithModel;
  datasetId: string;
  q: string;
  index: IndexInfo | undefined;
  /** What it is compared with: the other model's hits. */
  other: Hit[] | undefined;
  onHits: (model: string, hits: Hit[]) => void;
}

function Column({ run, datasetId, q, index, other, onHits }: ColumnProps) {
  const answer = useHits(datasetId, run.modelId, q === "" ? null : { q }, index, SHOWN);
  const hits = answer.data?.hits;
  useEffect(() => {
    if (hits) onHits(run.modelId, hits);
  }, [hits]);
  return (
    <section class="stack small" aria-label={run.label}>
      <h3><RunName run={run} /></h3>
      {(!index || index.stale) && <BuildIndex datasetId={datasetId} model={run.modelId} index={index} />}
      {index && q !== "" && (
        <Loaded of={answer} datasetId={datasetId} heights={[104, 104, 104]}>
          {(found) => (
            <>
              {other && <p class="muted num">{inBoth(found.hits, other, SHOWN)} of {countOf(found.hits.length, "image")} found by both</p>}
              <Hits hits={found.hits} datasetId={datasetId} model={run.modelId} compareWith={other} />
            </>
          )}
        </Loaded>
      )}
    </section>
  );
}

/** One click for all indexes that are missing. */
function BuildMissing({ datasetId, models }: { datasetId: string; models: string[] }) {
  const waiting = models.filter((model) => !activeJobs.value.some((job) => job.kind === "index" && job.dataset_id === datasetId && job.params.model === model));
  const build = useAction(() => Promise.all(waiting.map(async (model) => acceptJob(await startJob(datasetId, "index", { model })))));
  if (waiting.length < 2) return null;
  return (
    <div class="stack small">
      <div class="row"><Button icon={Waypoints} busy={build.busy} onClick={() => build.run()}>Build {waiting.length} missing indexes</Button></div>
      {build.error && <ErrorState problem={build.error} datasetId={datasetId} onRetry={() => build.run()} />}
    </div>
  );
}

function Columns({ runs, datasetId, q }: { runs: WithModel[]; datasetId: string; q: string }) {
  const indexes = useResource((stop) => listIndexes(datasetId, stop), [datasetId], `${datasetVersion(datasetId)} ${activeJobs.value.length}`);
  const [found, setFound] = useState<{ of: string; hits: ReadonlyMap<string, Hit[]> }>({ of: "", hits: new Map() });
  const key = `${datasetId} ${q}`;
  const keep = (model: string, hits: Hit[]) => setFound((old) => ({ of: key, hits: new Map(old.of === key ? old.hits : []).set(model, hits) }));
  const hitsOf = (run: WithModel | undefined) => (run && found.of === key ? found.hits.get(run.modelId) : undefined);
  const [first, second] = runs;
  return (
    <Loaded of={indexes} heights={[120]}>
      {({ items }) => {
        const indexOf = (model: string) => items.find((index) => index.model_id === model);
        return (
          <div class="stack">
            <BuildMissing datasetId={datasetId} models={runs.map((run) => run.modelId).filter((model) => !indexOf(model))} />
            {runs.length > 2 && q !== "" && <p class="muted">Each is compared with run {first?.label}.</p>}
            <div class="search-columns">
              {runs.map((run) => (
                <Column key={run.modelId} run={run} datasetId={datasetId} q={q} index={indexOf(run.modelId)} other={run === first ? (runs.length === 2 ? hitsOf(second) : undefined) : hitsOf(first)} onHits={keep} />
              ))}
            </div>
          </div>
        );
      }}
    </Loaded>
  );
}

function WordsForm({ q }: { q: string }) {
  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  return (
    <form
      class="words-form"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        setParam("q", text.trim());
      }}
    >
      <label class="unseen" for="words-box">Words to search with all models</label>
      <input id="words-box" class="input" type="search" value={text} placeholder="Describe what you look for" autocomplete="off" onInput={(event) => setText(event.currentTarget.value)} />
      <Button kind="primary" type="submit" icon={Search}>Search</Button>
    </form>
  );
}

/** The runs whose model is there: made, and not deleted since. */
function useWithModel(runs: Run[]): WithModel[] {
  const ids = runs.map((run) => run.modelId).filter(Boolean);
  const models = useResource((stop) => listModels(stop), [ids]);
  const known = new Set(models.data?.items.map((model) => model.id));
  return runs.filter((run): run is WithModel => run.modelId !== null && known.has(run.modelId));
}

/** The same words searched with the model of each run, moved hits marked. */
export function SearchBoth({ runs }: { runs: Run[] }) {
  const withModel = useWithModel(runs);
  const datasets = [...new Set(runs.flatMap((run) => (run.job.dataset_id ? [run.job.dataset_id] : [])))];
  const asked = params.value.get("in");
  const datasetId = datasets.find((id) => id === asked) ?? datasets[0];
  const q = params.value.get("q") ?? "";
  if (withModel.length === 0 || !datasetId) return null;
  const title = withModel.length === 1 ? "Search with its model" : withModel.length === 2 ? "Search the same words with both" : "Search the same words with all";
  return (
    <Card title={title} text={withModel.length < runs.length ? "Runs without a model are left out." : "What moved between the models is marked."}>
      <div class="stack">
        <div class="row">
          <WordsForm q={q} />
          {datasets.length > 1 && <Select label="Dataset to search" hideLabel value={datasetId} options={datasets.map((id) => ({ value: id, label: datasetName(id) }))} onChange={(id) => setParam("in", id)} />}
        </div>
        <Columns runs={withModel} datasetId={datasetId} q={q} />
      </div>
    </Card>
  );
}
