import { Award, Search, Star } from "lucide-preact";
import { useState } from "preact/hooks";
import type { Job } from "../../../api/jobs";
import { listModels } from "../../../api/models";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { searchPath } from "../../../routing/routes";
import { useResource } from "../../../state/resource";
import { countOf, rate } from "../../../text/format";
import { isActive } from "../../../text/jobs/job-words";
import { recallText } from "../../../text/models/recall";
import { DefaultDialog } from "../../models/model/dataset-dialogs";
import { bestRun } from "./figures";
import { RunName } from "./run-name";
import type { Run } from "./runs";

const rateOf = (job: Job): string => (typeof job.params.lr === "number" ? rate(job.params.lr) : String(job.params.lr ?? "-"));

/** "2 of 3 runs have ended" */
function endedText(runs: Run[]): string {
  const ended = runs.filter(({ job }) => !isActive(job.state)).length;
  return ended === runs.length ? `All ${countOf(runs.length, "run")} have ended.` : `${ended} of ${countOf(runs.length, "run")} ${ended === 1 ? "has" : "have"} ended.`;
}

function MakeDefault({ modelId }: { modelId: string }) {
  const [isOpen, setOpen] = useState(false);
  const models = useResource((stop) => listModels(stop), [modelId]);
  const model = models.data?.items.find((one) => one.id === modelId);
  return (
    <>
      <Button kind="primary" icon={Star} disabled={!model} onClick={() => setOpen(true)}>Make default</Button>
      {isOpen && model && <DefaultDialog model={model} onClose={() => setOpen(false)} onChanged={models.reload} />}
    </>
  );
}

/** The best run of a sweep so far, and what to do with its model. */
export function SweepBest({ runs }: { runs: Run[] }) {
  const best = bestRun(runs.map((run) => run.job));
  const run = runs.find((one) => one.job === best);
  const isOver = runs.every(({ job }) => !isActive(job.state));
  if (!run) return <Card title="Sweep over learning rates" text={endedText(runs)}><p class="muted">The best run is marked here once one has a model.</p></Card>;
  return (
    <Card title="Sweep over learning rates" text={endedText(runs)}>
      <div class="stack small">
        <p class="row" role="status">
          <b class="best-figure"><Award size={16} aria-hidden />{isOver ? "Best" : "Best so far"}</b>
          <RunName run={run} />
          <span class="num">learning rate {rateOf(run.job)}, recall@1 {recallText(run.job)}</span>
        </p>
        {run.modelId && (
          <div class="row">
            <MakeDefault modelId={run.modelId} />
            {run.job.dataset_id && <Button icon={Search} href={searchPath(run.job.dataset_id, { model: run.modelId })}>Search with it</Button>}
          </div>
        )}
      </div>
    </Card>
  );
}
