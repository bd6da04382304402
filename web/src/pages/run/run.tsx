import { useEffect, useRef, useState } from "preact/hooks";
import { getJob, getMetrics } from "../../api/calls";
import type { Job, Metrics } from "../../api/types";
import { Card, Facts } from "../../design/card";
import { Progress } from "../../design/progress";
import { Loaded, Notice } from "../../design/states";
import { StateBadge } from "../../design/state-badge";
import { When } from "../../design/when";
import { JobButtons, JobError } from "../../jobs/job-parts";
import { go } from "../../router";
import { datasetPath, runPath } from "../../routes";
import { nameOf } from "../../state/names";
import { PageHead } from "../../shell/shell";
import { acceptJob, useJob } from "../../state/jobs";
import { useResource } from "../../state/resource";
import { useTitle } from "../../state/title";
import { duration, short, tookSeconds } from "../../text/format";
import { fractionDone, isActive, jobTitle, jobWord, progressText, timeLeft } from "../../text/words";
import { RunCharts } from "./charts";
import { Log } from "./log";
import { PlainOutcome, TrainOutcome } from "./outcome";
import "./run.css";

const METRICS_MS = 2000;

/** The metrics, asked for again when the job reports, at most every 2 s. */
function useMetrics(job: Job): Metrics {
  const [metrics, setMetrics] = useState<Metrics>({});
  const last_ms = useRef(0);
  useEffect(() => {
    const wait_ms = Math.max(0, last_ms.current + METRICS_MS - Date.now());
    const timer = window.setTimeout(() => {
      last_ms.current = Date.now();
      getMetrics(job.id).then(setMetrics, () => undefined);
    }, wait_ms);
    return () => clearTimeout(timer);
  }, [job.id, job.seq, job.state]);
  return metrics;
}

/** The steps of the whole run, told by the step at which an epoch ended. */
function expectedSteps(metrics: Metrics, epochs: number): number | undefined {
  const ended = metrics["val/t2i_r1"]?.findLast((point) => (point.epoch ?? 0) > 0 && point.step > 0);
  return ended?.epoch ? Math.round((ended.step / ended.epoch) * epochs) : undefined;
}

function totalOf(job: Job, metrics: Metrics): { epochs: number; steps: number | undefined } {
  const { unit, total } = job.progress;
  const isEpochs = unit?.startsWith("epoch") && total !== null;
  const epochs = Number(job.params.epochs ?? (isEpochs ? total : 0)) || 1;
  const known = unit?.startsWith("step") ? (total ?? undefined) : undefined;
  return { epochs, steps: known ?? expectedSteps(metrics, epochs) };
}

/** How it ended or where it is, in one sentence. */
function stateSentence(job: Job): string {
  const at = progressText(job);
  if (job.state === "stopped") return `Stopped${at ? ` at ${at.charAt(0).toLowerCase()}${at.slice(1)}` : ""}.${job.resumable ? " Resume goes on from there." : ""}`;
  if (job.state === "stopping") return "Stopping: the checkpoint is written first.";
  return at;
}

function RunState({ job }: { job: Job }) {
  const took = tookSeconds(job.started_at, job.finished_at);
  return (
    <Card>
      <div class="run-state" aria-live="polite">
        <StateBadge state={jobWord(job.state)} filled />
        {stateSentence(job) && <b>{stateSentence(job)}</b>}
        {isActive(job.state) && job.progress.message && <span class="muted">{job.progress.message}</span>}
        {timeLeft(job) && <span class="muted num">{timeLeft(job)}</span>}
        {took !== null && <span class="muted num">{isActive(job.state) ? `running for ${duration(took)}` : `took ${duration(took)}`}</span>}
      </div>
      <div class="stack small">
        {(isActive(job.state) || job.state === "stopped") && <Progress value={fractionDone(job) ?? (job.state === "queued" ? 0 : null)} label="Progress" tone={jobWord(job.state).tone} />}
        {job.error && <JobError job={job} onStarted={(started) => go(runPath(started.id))} />}
        {job.notes.map((text) => <Notice key={text}>{text}</Notice>)}
      </div>
    </Card>
  );
}

function valueText(value: unknown): string {
  if (value === null || value === undefined || value === "") return "-";
  if (typeof value === "number") return short(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function About({ job }: { job: Job }) {
  return (
    <Card title="Settings">
      <Facts
        of={[
          ...Object.entries(job.params).map(([name, value]) => [name, valueText(value)] as [string, string]),
          ["queue", job.queue],
          ["attempt", valueText(job.attempt)],
          ["started by", job.created_by ?? "-"],
          ["created", <When at={job.created_at} />],
        ]}
      />
    </Card>
  );
}

function Training({ job }: { job: Job }) {
  const metrics = useMetrics(job);
  return <RunCharts metrics={metrics} {...totalOf(job, metrics)} />;
}

function Run({ job }: { job: Job }) {
  useTitle(jobTitle(job), jobWord(job.state).word);
  const isTraining = job.kind === "train";
  return (
    <>
      <PageHead
        title={jobTitle(job)}
        text={job.dataset_id && <>On <a href={datasetPath(job.dataset_id)}>{nameOf(job.dataset_id)}</a></>}
      >
        <JobButtons job={job} />
      </PageHead>
      <div class="stack">
        <RunState job={job} />
        {isTraining ? <TrainOutcome job={job} /> : <PlainOutcome job={job} />}
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
