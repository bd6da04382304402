import { WandSparkles } from "lucide-preact";
import { useState } from "preact/hooks";
import type { Dataset } from "../../../api/datasets";
import { startJob } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { type Choice, Choices, TextField } from "../../../design/field";
import { ErrorState, Notice } from "../../../design/states";
import { useLastJob } from "../../../state/jobs/last-job";
import { acceptJob } from "../../../state/jobs/live-jobs";
import { whyICannot } from "../../../state/people/roles";
import { useAction } from "../../../state/resource";
import { seedProblem, wholeProblem } from "../../../text/form-checks";
import { count } from "../../../text/format";
import { isActive } from "../../../text/jobs/job-words";
import { JobError } from "../../jobs/controls/job-error";
import { JobWatch } from "../../jobs/controls/job-watch";
import { AugmentReport } from "./augment-report";
import { LlmState } from "./llm-state";

type Method = "synonyms" | "llm";

const METHODS: Choice<Method>[] = [
  { value: "synonyms", title: "Synonyms", text: "Swaps words by the synonym map. Takes seconds." },
  { value: "llm", title: "Language model", text: "Writes paraphrases with a local model on the GPU queue." },
];

function AugmentForm({ datasetId, isBusy }: { datasetId: string; isBusy: boolean }) {
  const [method, setMethod] = useState<Method>("synonyms");
  const [perCaption, setPerCaption] = useState("3");
  const [seed, setSeed] = useState("0");
  const cannot = whyICannot(datasetId, "manager");
  const problems = { perCaption: wholeProblem(perCaption, 1, 20), seed: seedProblem(seed) };
  const action = useAction(async (using: Method) => {
    const params = { method: using, per_caption: Number(perCaption), seed: Number(seed) };
    acceptJob(await startJob(datasetId, "augment", params));
  });
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (!problems.perCaption && !problems.seed) action.run(method);
      }}
    >
      <Choices legend="Method" value={method} choices={METHODS} onChange={setMethod} />
      {method === "llm" && <LlmState onSynonyms={() => setMethod("synonyms")} />}
      <div class="form-grid">
        <TextField label="Variants per caption" numeric value={perCaption} onInput={setPerCaption} error={problems.perCaption} hint="3 makes four rows of each caption." />
        <TextField label="Augmentation seed" numeric value={seed} onInput={setSeed} error={problems.seed} hint="The same seed writes the same rows." />
      </div>
      {action.error && (
        <ErrorState
          problem={action.error}
          datasetId={datasetId}
          onRetry={() => action.run(method)}
          acts={{
            synonyms: () => {
              setMethod("synonyms");
              action.run("synonyms");
            },
          }}
        />
      )}
      <div class="form-foot">
        <Button kind="primary" type="submit" icon={WandSparkles} busy={action.busy} disabled={isBusy || cannot !== ""} title={cannot || undefined}>Run augmentation</Button>
      </div>
    </form>
  );
}

/** More ways to say the captions to train on. */
export function AugmentCard({ dataset }: { dataset: Dataset }) {
  const { job } = useLastJob(dataset.id, "augment");
  const step = dataset.steps.find((one) => one.key === "augment");
  const isBusy = job !== undefined && isActive(job.state);
  const rows = dataset.counts.train_rows;
  return (
    <Card id="augment" title="Augment" text="More ways to say the same: only captions to train on are varied.">
      <div class="stack">
        {step?.state === "stale" && <Notice>{step.reason}</Notice>}
        <AugmentForm datasetId={dataset.id} isBusy={isBusy} />
        <div aria-live="polite">
          {isBusy && <JobWatch id={job.id} />}
          {job?.state === "succeeded" && <AugmentReport datasetId={dataset.id} job={job} rowsNow={step?.state === "stale" ? undefined : rows} />}
          {job?.state === "failed" && <JobError job={job} />}
          {!job && rows > 0 && <p class="muted">{count(rows)} rows to train on now.</p>}
        </div>
      </div>
    </Card>
  );
}
