import { Search, Waypoints } from "lucide-preact";
import { type Job, startJob } from "../../../api/jobs";
import { listIndexes } from "../../../api/search";
import { Button } from "../../../design/button";
import { Card, Facts } from "../../../design/card";
import { ErrorState } from "../../../design/states";
import { searchPath } from "../../../routing/routes";
import { datasetVersion } from "../../../state/datasets/live-datasets";
import { acceptJob, activeJobs } from "../../../state/jobs/live-jobs";
import { useAction, useResource } from "../../../state/resource";
import { short } from "../../../text/format";
import { arrowText, controlImages, recallOf } from "../../../text/models/recall";
import { IngestReport } from "../../images/upload/add-images";
import { forgettingOf } from "../../training/run/blend-figures";
import { Blends } from "../../training/run/blends";
import { JobWatch } from "../controls/job-watch";

const MEASURES: [string, string][] = [
  ["t2i_r1", "recall@1, text to image"],
  ["t2i_r5", "recall@5, text to image"],
  ["t2i_r10", "recall@10, text to image"],
  ["i2t_r1", "recall@1, image to text"],
  ["i2t_r5", "recall@5, image to text"],
  ["i2t_r10", "recall@10, image to text"],
];

function NextStep({ datasetId, modelId }: { datasetId: string; modelId: string }) {
  const indexes = useResource((stop) => listIndexes(datasetId, stop), [datasetId], `${datasetVersion(datasetId)} ${activeJobs.value.length}`);
  const build = useAction(async () => void acceptJob(await startJob(datasetId, "index", { model: modelId })));
  const running = activeJobs.value.find((job) => job.kind === "index" && job.dataset_id === datasetId && job.params.model === modelId);
  const isIndexed = indexes.data?.items.some((index) => index.model_id === modelId && !index.stale);
  if (running) return <JobWatch id={running.id} />;
  if (isIndexed) return <div class="row"><Button kind="primary" icon={Search} href={searchPath(datasetId, { model: modelId })}>Search with it</Button></div>;
  return (
    <div class="stack small">
      <div class="row">
        <Button kind="primary" icon={Waypoints} busy={build.busy} onClick={() => build.run()}>Build index with this model</Button>
      </div>
      {build.error && <ErrorState problem={build.error} datasetId={datasetId} onRetry={() => build.run()} />}
    </div>
  );
}

const KEPT: [string, string][] = [
  ["t2i_r1", "recall@1, text to image"],
  ["i2t_r1", "recall@1, image to text"],
];

/** What the model could do before and still can, on images that it did not train on. */
function Kept({ job }: { job: Job }) {
  const kept = forgettingOf(job);
  if (!kept) return null;
  return (
    <div class="stack small">
      <h3>What it kept</h3>
      <p class="muted">On {controlImages(kept)} of a fixed set that it did not train on.</p>
      <div class="recalls num">
        {KEPT.map(([measure, name]) => arrowText(kept, measure) && (
          <div key={measure}><b>{arrowText(kept, measure)}</b><span>{name}</span></div>
        ))}
      </div>
    </div>
  );
}

/** A training that has a model: its recall before and after, and what to do with it. */
export function TrainOutcome({ job }: { job: Job }) {
  const recall = recallOf(job);
  const modelId = typeof job.result?.model_id === "string" ? job.result.model_id : null;
  const best = job.result?.best_epoch;
  if (!modelId) return null;
  return (
    <>
      <Card title="What it learned" text={typeof best === "number" ? (best === 0 ? "The untuned model stayed the best: a lower learning rate may help." : `The model of epoch ${best} is kept: the best one.`) : undefined}>
        <div class="stack">
          <div class="recalls num">
            {MEASURES.map(([measure, name]) => arrowText(recall, measure) && (
              <div key={measure}><b>{arrowText(recall, measure)}</b><span>{name}</span></div>
            ))}
          </div>
          <Kept job={job} />
          {job.dataset_id && <NextStep datasetId={job.dataset_id} modelId={modelId} />}
        </div>
      </Card>
      <Blends job={job} modelId={modelId} />
    </>
  );
}

const MEASURED: [string, string, string][] = [
  ["samples_per_second", "samples per second", ""],
  ["memory_gb", "memory", " GB"],
  ["overhead_s", "before the first step", " s"],
  ["device", "device", ""],
  ["batch_size", "batch size", ""],
  ["micro_batch", "rows at a time", ""],
];

/** What a probe measured. */
function Measured({ result }: { result: Record<string, unknown> }) {
  const facts = MEASURED.flatMap(([key, name, unit]): [string, string][] => {
    const value = result[key];
    if (value === undefined || value === null) return [];
    return [[name, `${typeof value === "number" ? short(value) : String(value)}${unit}`]];
  });
  return <Card title="Measured"><Facts of={facts} /></Card>;
}

const MODEL_KINDS = ["blend", "import_model"];

/** A model that was made: the way to it. */
function MadeModel({ job, modelId }: { job: Job; modelId: string }) {
  return (
    <Card title="Result">
      <div class="row">
        <Button href="/models">Show models</Button>
        {job.dataset_id && <Button icon={Search} href={searchPath(job.dataset_id, { model: modelId })}>Search with it</Button>}
      </div>
    </Card>
  );
}

/** What any other job gave. */
export function PlainOutcome({ job }: { job: Job }) {
  if (!job.result || Object.keys(job.result).length === 0) return null;
  if (job.kind === "probe") return <Measured result={job.result} />;
  if (MODEL_KINDS.includes(job.kind) && typeof job.result.model_id === "string") return <MadeModel job={job} modelId={job.result.model_id} />;
  if (job.kind === "ingest" || job.kind === "sample") return <Card title="Result"><IngestReport job={job} /></Card>;
  return <Card title="Result"><pre class="result-text">{JSON.stringify(job.result, null, 2)}</pre></Card>;
}
