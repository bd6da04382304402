import { Split } from "lucide-preact";
import { useState } from "preact/hooks";
import { startJob } from "../../api/calls";
import type { Dataset, Job } from "../../api/types";
import { Button } from "../../design/button";
import { Card } from "../../design/card";
import { Check, TextField } from "../../design/field";
import { ErrorState, Notice } from "../../design/states";
import { When } from "../../design/when";
import { JobError, JobWatch } from "../../jobs/job-parts";
import { acceptJob } from "../../state/jobs";
import { useAction } from "../../state/resource";
import { countOf, percent } from "../../text/format";
import { isActive } from "../../text/words";
import { useLastJob } from "./last-job";
import { Numbers } from "./numbers";
import { fractionProblem, seedProblem } from "./params";

interface SplitResult {
  train_images?: number;
  val_images?: number;
  train_rows?: number;
  val_rows?: number;
  groups_kept_together?: number;
  warnings?: string[];
}

function SplitReport({ job }: { job: Job }) {
  const { train_images = 0, val_images = 0, groups_kept_together = 0, warnings = [] } = (job.result ?? {}) as SplitResult;
  const all = train_images + val_images || 1;
  return (
    <div class="stack small">
      <div class="split-bar" role="img" aria-label={`${percent(train_images / all)} to train on, ${percent(val_images / all)} to measure with`}>
        <i style={{ width: `${(100 * train_images) / all}%` }} />
        <i style={{ width: `${(100 * val_images) / all}%` }} />
      </div>
      <Numbers of={[["images to train on", train_images], ["images to measure with", val_images]]} />
      <p class="muted">
        Split <When at={job.finished_at} />.
        {groups_kept_together > 0 && ` ${countOf(groups_kept_together, "group")} of near-duplicates kept on one side.`}
      </p>
      {warnings.map((text) => <Notice key={text}>{text}</Notice>)}
    </div>
  );
}

function SplitForm({ datasetId, isBusy }: { datasetId: string; isBusy: boolean }) {
  const [fraction, setFraction] = useState("0.2");
  const [seed, setSeed] = useState("0");
  const [isGrouped, setGrouped] = useState(true);
  const problems = { fraction: fractionProblem(fraction), seed: seedProblem(seed) };
  const action = useAction(async () => {
    const params = { val_fraction: Number(fraction), seed: Number(seed), group_near_duplicates: isGrouped };
    acceptJob(await startJob(datasetId, "split", params));
  });
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (!problems.fraction && !problems.seed) action.run();
      }}
    >
      <div class="form-grid">
        <TextField label="Validation fraction" numeric value={fraction} onInput={setFraction} error={problems.fraction} hint="0.2 is one image in five." />
        <TextField label="Split seed" numeric value={seed} onInput={setSeed} error={problems.seed} hint="The same seed splits the same way." />
      </div>
      <Check label="Keep near-duplicates on one side" checked={isGrouped} onChange={setGrouped} />
      {action.error && <ErrorState problem={action.error} datasetId={datasetId} onRetry={() => action.run()} />}
      <div class="form-foot">
        <Button kind="primary" type="submit" icon={Split} busy={action.busy} disabled={isBusy}>Split captions</Button>
      </div>
    </form>
  );
}

/** Captions into a part to train on and a part to measure with. */
export function SplitCard({ dataset }: { dataset: Dataset }) {
  const { job } = useLastJob(dataset.id, "split");
  const step = dataset.steps?.find((one) => one.key === "split");
  const isBusy = job !== undefined && isActive(job.state);
  return (
    <Card title="Split" text="Most captions teach the model; the rest show what it learned.">
      <div class="stack">
        {step?.state === "stale" && <Notice>{step.reason}</Notice>}
        <SplitForm datasetId={dataset.id} isBusy={isBusy} />
        <div aria-live="polite">
          {isBusy && <JobWatch id={job.id} />}
          {job?.state === "succeeded" && <SplitReport job={job} />}
          {job?.state === "failed" && <JobError job={job} />}
        </div>
      </div>
    </Card>
  );
}
