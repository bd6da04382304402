import { Search, Waypoints } from "lucide-preact";
import { listIndexes, startJob } from "../../api/calls";
import type { Job } from "../../api/types";
import { Button } from "../../design/button";
import { Card } from "../../design/card";
import { ErrorState } from "../../design/states";
import { JobWatch } from "../../jobs/job-parts";
import { searchPath } from "../../routes";
import { datasetVersion } from "../../state/datasets";
import { acceptJob, activeJobs } from "../../state/jobs";
import { useAction, useResource } from "../../state/resource";
import { IngestReport } from "../overview/add-images";
import { arrowText, recallOf } from "./recall";

const MEASURES: [string, string][] = [
  ["t2i_r1", "recall@1, text to image"],
  ["t2i_r5", "recall@5, text to image"],
  ["t2i_r10", "recall@10, text to image"],
  ["i2t_r1", "recall@1, image to text"],
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

/** A training that has a model: its recall before and after, and what to do with it. */
export function TrainOutcome({ job }: { job: Job }) {
  const recall = recallOf(job);
  const modelId = typeof job.result?.model_id === "string" ? job.result.model_id : null;
  const best = job.result?.best_epoch;
  if (!modelId) return null;
  return (
    <Card title="What it learned" text={typeof best === "number" ? (best === 0 ? "The untuned model stayed the best: a lower learning rate may help." : `The model of epoch ${best} is kept: the best one.`) : undefined}>
      <div class="stack">
        <div class="recalls num">
          {MEASURES.map(([measure, name]) => arrowText(recall, measure) && (
            <div key={measure}><b>{arrowText(recall, measure)}</b><span>{name}</span></div>
          ))}
        </div>
        {job.dataset_id && <NextStep datasetId={job.dataset_id} modelId={modelId} />}
      </div>
    </Card>
  );
}

/** What any other job gave. */
export function PlainOutcome({ job }: { job: Job }) {
  if (!job.result || Object.keys(job.result).length === 0) return null;
  if (job.kind === "ingest" || job.kind === "sample") return <Card title="Result"><IngestReport job={job} /></Card>;
  return <Card title="Result"><pre class="result-text">{JSON.stringify(job.result, null, 2)}</pre></Card>;
}
