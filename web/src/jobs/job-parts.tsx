import { useState } from "preact/hooks";
import { Play, RotateCcw, Square, Undo2, X } from "lucide-preact";
import { resumeJob, retryJob, startJob, stopJob } from "../api/calls";
import { asApiError } from "../api/http";
import type { Job } from "../api/types";
import { Button } from "../design/button";
import { Progress } from "../design/progress";
import { ErrorState } from "../design/states";
import { toast } from "../design/toast";
import { go } from "../router";
import { copyPath } from "../routes";
import { isUndoable, undo, undoVerb } from "../state/edits";
import { acceptJob, useJob } from "../state/jobs";
import { useAction } from "../state/resource";
import { fractionDone, isActive, jobWord, progressText, timeLeft } from "../text/words";
import { StopDialog } from "./stop-dialog";
import "./job-parts.css";

/** How far a job is: bar, words, time left. */
export function JobProgress({ job }: { job: Job }) {
  const value = job.state === "queued" ? 0 : fractionDone(job);
  const isEnded = !isActive(job.state);
  return (
    <div class="job-progress">
      <Progress value={isEnded ? (value ?? 1) : value} label="Progress" tone={jobWord(job.state).tone} />
      <div class="num">
        <span class="clip">{progressText(job)}</span>
        <span>{timeLeft(job)}</span>
      </div>
    </div>
  );
}

/** A call about a job, its answer taken over, its failure shown as a toast. */
function useJobCall(call: () => Promise<Job>) {
  return useAction(async () => {
    try {
      acceptJob(await call());
    } catch (thrown) {
      const { message, remedy } = asApiError(thrown);
      toast({ tone: "failed", text: `${message} ${remedy}` });
    }
  });
}

function StopButton({ job, small }: { job: Job; small: boolean }) {
  const [isAsking, setAsking] = useState(false);
  const stop = useJobCall(() => stopJob(job.id, "save"));
  const asks = job.kind === "train" && job.state !== "queued";
  const isStopping = job.state === "stopping";
  return (
    <>
      <Button
        small={small}
        icon={asks ? Square : X}
        busy={stop.busy}
        disabled={isStopping && (!asks || job.stop_requested === "kill")}
        onClick={() => (asks ? setAsking(true) : stop.run())}
      >
        Stop
      </Button>
      {isAsking && isActive(job.state) && <StopDialog job={job} onClose={() => setAsking(false)} />}
    </>
  );
}

function UndoButton({ job, small }: { job: Job; small: boolean }) {
  const action = useAction(() => undo(job.id));
  return <Button small={small} icon={Undo2} busy={action.busy} onClick={() => action.run()}>{undoVerb(job)}</Button>;
}

/** What can be done about a job in its state: stop, resume, retry, take back. */
export function JobButtons({ job, small = false }: { job: Job; small?: boolean }) {
  const resume = useJobCall(() => resumeJob(job.id));
  const retry = useJobCall(() => retryJob(job.id));
  if (isActive(job.state)) return <StopButton job={job} small={small} />;
  const back = isUndoable(job) && <UndoButton job={job} small={small} />;
  if (job.state === "succeeded") return <>{back}</>;
  return (
    <>
      {back}
      {job.resumable && <Button small={small} kind="primary" icon={Play} busy={resume.busy} onClick={resume.run}>Resume</Button>}
      <Button small={small} icon={RotateCcw} busy={retry.busy} onClick={retry.run}>Retry</Button>
    </>
  );
}

/** Starts the same job again with other params: what an error's remedy does. */
function startAgain(job: Job, change: Record<string, unknown>): Promise<Job> {
  return startJob(job.dataset_id ?? "", job.kind, { ...job.params, ...change });
}

/** The same run would diverge again. */
const DIVERGED = "training_diverged";

interface JobErrorProps {
  job: Job;
  /** Told the job that a remedy started in place of this one. */
  onStarted?: (job: Job) => void;
}

/** A failed job's message, with its remedy as a button. */
export function JobError({ job, onStarted }: JobErrorProps) {
  const take = (started: Job) => {
    acceptJob(started);
    onStarted?.(started);
  };
  const again = useAction((change: Record<string, unknown>) => startAgain(job, change).then(take));
  const retry = useAction(() => retryJob(job.id).then(take));
  const dataset = job.dataset_id;
  if (!job.error) return null;
  return (
    <div class="stack small">
      <ErrorState
        problem={job.error}
        datasetId={job.dataset_id}
        onRetry={job.error.code === DIVERGED ? undefined : retry.run}
        acts={{
          synonyms: () => again.run({ method: "synonyms", llm_model: undefined }),
          ...(dataset && job.kind === "train" ? { "other-settings": () => go(copyPath(dataset, job.id)) } : {}),
        }}
      />
      {(again.error ?? retry.error) && <ErrorState problem={(again.error ?? retry.error)!} datasetId={job.dataset_id} />}
    </div>
  );
}

/** A job followed where it was started: its progress, then its error; nothing once it succeeded. */
export function JobWatch({ id, onStarted }: { id: string; onStarted?: (job: Job) => void }) {
  const job = useJob(id);
  if (!job) return null;
  if (job.state === "failed") return <JobError job={job} {...(onStarted ? { onStarted } : {})} />;
  if (job.state === "succeeded") return null;
  return (
    <div class="stack small">
      <JobProgress job={job} />
      <div class="row"><JobButtons job={job} small /></div>
    </div>
  );
}
