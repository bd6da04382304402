import { useEffect } from "preact/hooks";
import { getJob, type Job, type Metrics } from "../../../api/jobs";
import { Card, Facts } from "../../../design/card";
import { PageHead } from "../../../design/page-head";
import { Loaded } from "../../../design/states";
import { When } from "../../../design/when";
import { datasetPath } from "../../../routing/routes";
import { datasetName } from "../../../state/datasets/dataset-names";
import { acceptJob, useJob } from "../../../state/jobs/live-jobs";
import { useResource } from "../../../state/resource";
import { useTitle } from "../../../state/title";
import { rate, short } from "../../../text/format";
import { isActive, jobTitle, jobWord } from "../../../text/jobs/job-words";
import { RunCharts } from "../../training/run/charts";
import { Siblings } from "../../training/run/siblings";
import { useMetrics } from "../../training/run/use-metrics";
import { JobButtons } from "../controls/job-buttons";
import { Log } from "./log";
import { PlainOutcome, TrainOutcome } from "./outcome";
import { RunState, TrainingLinks } from "./run-state";
import "./run.css";

/** Notes and the expected end come with the whole record only, which is asked for this often. */
const WHOLE_MS = 5000;

/** The steps of the whole run, told by the step at which an epoch ended. */
function expectedSteps(metrics: Metrics, epochs: number): number | undefined {
  const ended = metrics["val/t2i_r1"]?.findLast((point) => (point.epoch ?? 0) > 0 && point.step > 0);
  return ended?.epoch ? Math.round((ended.step / ended.epoch) * epochs) : undefined;
}

function totalOf(job: Job, metrics: Metrics): { epochs: number; steps: number | undefined } {
  const { unit, total } = job.progress;
  const isEpochs = unit?.startsWith("epoch") && total !== null;
  const epochs = Number(job.params.epochs ?? (isEpochs ? total : 0)) || 1;
  // While it loads, a run counts one step: no number of steps that is smaller than its epochs is meant.
  const known = unit?.startsWith("step") && (total ?? 0) >= epochs ? (total ?? undefined) : undefined;
  return { epochs, steps: known ?? expectedSteps(metrics, epochs) };
}

function valueText(name: string, value: unknown): string {
  if (value === null || value === undefined || value === "") return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return name === "lr" ? rate(value) : short(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What it ran with, as its result tells: device, precision, how batches were cut. */
const FACTS: [string, string][] = [
  ["device", "device"],
  ["precision", "precision used"],
  ["micro_batch", "rows at a time"],
  ["accumulation", "parts of a batch"],
  ["gradient_checkpointing", "gradient checkpointing"],
  ["peak_memory_gb", "peak memory, GB"],
];

function About({ job }: { job: Job }) {
  const facts = FACTS.flatMap(([key, name]): [string, string][] => {
    const value = job.result?.[key];
    return value === undefined || value === null ? [] : [[name, valueText(key, value)]];
  });
  return (
    <Card title="Settings">
      <Facts
        of={[
          ...Object.entries(job.params).map(([name, value]) => [name, valueText(name, value)] as [string, string]),
          ...(job.kind === "train" ? facts : []),
          ["queue", job.queue],
          ["priority", valueText("priority", job.priority)],
          ["attempt", valueText("attempt", job.attempt)],
          ["started by", job.created_by],
          ["created", <When at={job.created_at} />],
        ]}
      />
    </Card>
  );
}

function Training({ job }: { job: Job }) {
  const metrics = useMetrics(job);
  const hasBegun = job.state !== "queued" || Object.keys(metrics).length > 0;
  return hasBegun ? <RunCharts metrics={metrics} {...totalOf(job, metrics)} /> : null;
}

function useWholeRecord(job: Job): void {
  const active = isActive(job.state);
  useEffect(() => {
    if (!active) return undefined;
    const timer = window.setInterval(() => document.hidden || void getJob(job.id).then(acceptJob, () => undefined), WHOLE_MS);
    return () => clearInterval(timer);
  }, [job.id, active]);
}

function Run({ job }: { job: Job }) {
  useTitle(jobTitle(job), jobWord(job.state).word);
  useWholeRecord(job);
  const isTraining = job.kind === "train";
  return (
    <>
      <PageHead
        title={jobTitle(job)}
        text={job.dataset_id && <>On <a href={datasetPath(job.dataset_id)}>{datasetName(job.dataset_id)}</a></>}
      >
        {isTraining && <TrainingLinks job={job} />}
        <JobButtons job={job} />
      </PageHead>
      <div class="stack">
        <RunState job={job} />
        {isTraining ? <TrainOutcome job={job} /> : <PlainOutcome job={job} />}
        {isTraining && <Siblings job={job} />}
        {isTraining && <Training job={job} />}
        <div class="columns wide-left">
          <Log jobId={job.id} isActive={isActive(job.state)} />
          <About job={job} />
        </div>
      </div>
    </>
  );
}

/** A job's page: state, curves, log. */
export function RunPage({ id }: { id: string }) {
  const first = useResource(async (stop) => acceptJob(await getJob(id, stop)), [id]);
  const live = useJob(id);
  if (live) return <Run job={live} />;
  return <Loaded of={first} heights={[36, 80, 240]}>{(job) => <Run job={job} />}</Loaded>;
}
