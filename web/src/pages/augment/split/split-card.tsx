import { Split } from "lucide-preact";
import { useState } from "preact/hooks";
import type { Dataset } from "../../../api/datasets";
import { startJob } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Check, type Option, Select, TextField } from "../../../design/field";
import { ErrorState, Notice } from "../../../design/states";
import { useLastJob } from "../../../state/jobs/last-job";
import { acceptJob } from "../../../state/jobs/live-jobs";
import { whyICannot } from "../../../state/people/roles";
import { useAction } from "../../../state/resource";
import { fractionProblem, seedProblem } from "../../../text/form-checks";
import { isActive } from "../../../text/jobs/job-words";
import { JobError } from "../../jobs/controls/job-error";
import { JobWatch } from "../../jobs/controls/job-watch";
import { SplitReport } from "./split-report";

const STRATA: Option[] = [
  { value: "none", label: "All images together" },
  { value: "folder", label: "Each folder its share" },
  { value: "tag", label: "Each tag its share" },
];
const STRATA_HINTS: Record<string, string> = {
  none: "Which images are measured with is drawn from all.",
  folder: "The folder of the file name, as it was uploaded.",
  tag: "Tags are given on the images page, to the images you choose.",
};

function SplitForm({ datasetId, isBusy }: { datasetId: string; isBusy: boolean }) {
  const [fraction, setFraction] = useState("0.2");
  const [seed, setSeed] = useState("0");
  const [isGrouped, setGrouped] = useState(true);
  const [stratify, setStratify] = useState("none");
  const cannot = whyICannot(datasetId, "manager");
  const problems = { fraction: fractionProblem(fraction), seed: seedProblem(seed) };
  const action = useAction(async () => {
    const params = { val_fraction: Number(fraction), seed: Number(seed), group_near_duplicates: isGrouped, stratify };
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
      <Select label="Mix of both parts" value={stratify} options={STRATA} onChange={setStratify} hint={STRATA_HINTS[stratify]} />
      <Check label="Keep near-duplicates on one side" checked={isGrouped} onChange={setGrouped} />
      {action.error && <ErrorState problem={action.error} datasetId={datasetId} onRetry={() => action.run()} />}
      <div class="form-foot">
        <Button kind="primary" type="submit" icon={Split} busy={action.busy} disabled={isBusy || cannot !== ""} title={cannot || undefined}>Split captions</Button>
      </div>
    </form>
  );
}

/** Captions into a part to train on and a part to measure with. */
export function SplitCard({ dataset }: { dataset: Dataset }) {
  const { job } = useLastJob(dataset.id, "split");
  const step = dataset.steps.find((one) => one.key === "split");
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
