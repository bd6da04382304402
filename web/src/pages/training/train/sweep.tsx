import { GitCompareArrows, ListPlus } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import type { Job } from "../../../api/jobs";
import { startSweep, type Sweep, type TrainPlan } from "../../../api/training";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { StateBadge } from "../../../design/state-badge";
import { ErrorState } from "../../../design/states";
import { runPath } from "../../../routing/routes";
import { acceptJob, jobById } from "../../../state/jobs/live-jobs";
import { useQueue } from "../../../state/jobs/live-queues";
import { whyICannot } from "../../../state/people/roles";
import { useAction } from "../../../state/resource";
import { countOf, rate } from "../../../text/format";
import { jobWord, progressText } from "../../../text/jobs/job-words";
import { expectedText, placeText } from "../../../text/jobs/queue-words";
import { sweepRates } from "./copied-run";
import type { TrainForm } from "./form";

interface SweepButtonProps {
  datasetId: string;
  form: TrainForm;
  plan: TrainPlan | undefined;
  params: Record<string, unknown> | null;
  onStarted: (sweep: Sweep) => void;
}

/** Runs that differ in their learning rate only, in one click; the rates are shown before. */
export function SweepButton({ datasetId, form, plan, params, onStarted }: SweepButtonProps) {
  const rates = sweepRates(form, plan);
  const action = useAction(async () => {
    if (!params) return;
    const sweep = await startSweep(datasetId, params, rates);
    sweep.jobs.forEach(acceptJob);
    onStarted(sweep);
  });
  const cannot = whyICannot(datasetId, "manager");
  if (rates.length < 2) return null;
  return (
    <>
      <div class="row">
        <Button icon={ListPlus} busy={action.busy} disabled={params === null || cannot !== ""} title={cannot || undefined} describedBy="sweep-rates" onClick={() => action.run()}>
          Try {rates.length} learning rates
        </Button>
        <span class="muted num" id="sweep-rates">{rates.map(rate).join(", ")}</span>
      </div>
      {action.error && <ErrorState problem={action.error} datasetId={datasetId} onRetry={() => action.run()} />}
    </>
  );
}

function SweepRun({ job }: { job: Job }) {
  const isWaiting = job.state === "queued";
  return (
    <li>
      <a class="num" href={runPath(job.id)}>learning rate {rate(Number(job.params.lr))}</a>
      <StateBadge state={jobWord(job.state)} />
      <span class="muted num">{[isWaiting ? placeText(job) : progressText(job), expectedText(job)].filter(Boolean).join(" ")}</span>
    </li>
  );
}

/** The runs of a sweep right after the click: where each stands, and the way to see them side by side. */
export function SweepStarted({ sweep }: { sweep: Sweep }) {
  const box = useRef<HTMLDivElement>(null);
  useQueue(sweep.jobs[0]?.queue ?? null);
  useEffect(() => box.current?.scrollIntoView({ block: "nearest" }), [sweep.group_id]);
  const jobs = sweep.jobs.map((job) => jobById(job.id) ?? job);
  return (
    <div ref={box}>
      <Card
        title={`${countOf(jobs.length, "run")} started together`}
        text="They differ in their learning rate only."
        beside={<Button icon={GitCompareArrows} href={`/compare?runs=${jobs.map((job) => job.id).join(",")}`}>Compare {countOf(jobs.length, "run")}</Button>}
      >
        <ol class="sweep-runs" aria-live="polite">{jobs.map((job) => <SweepRun key={job.id} job={job} />)}</ol>
      </Card>
    </div>
  );
}
