import { Copy, ExternalLink } from "lucide-preact";
import type { Job } from "../../../api/jobs";
import { getSystem } from "../../../api/ops";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Progress } from "../../../design/progress";
import { StateBadge } from "../../../design/state-badge";
import { Notice } from "../../../design/states";
import { go } from "../../../routing/router";
import { copyPath, runPath } from "../../../routing/routes";
import { useResource } from "../../../state/resource";
import { duration, tookSeconds } from "../../../text/format";
import { fractionDone, isActive, jobWord, progressText, timeLeft } from "../../../text/jobs/job-words";
import { expectedText } from "../../../text/jobs/queue-words";
import { Diverged } from "../../training/run/diverged";
import { JobError } from "../controls/job-error";
import { Waiting } from "./waiting";

/** How it ended or where it is, in one sentence. */
function stateSentence(job: Job): string {
  const at = progressText(job);
  if (job.state === "stopped") return `Stopped${at ? ` at ${at.charAt(0).toLowerCase()}${at.slice(1)}` : ""}.${job.resumable ? " Resume goes on from there." : ""}`;
  if (job.state === "stopping") return job.stop_requested === "kill" ? "Ending at once." : "Stopping: the checkpoint is written first.";
  return job.state === "queued" ? "" : at;
}

/** What it says itself, unless the sentence says the same. */
function ownWords(job: Job, sentence: string): string {
  const said = job.progress.message ?? "";
  return isActive(job.state) && job.state !== "queued" && said.toLowerCase() !== sentence.toLowerCase() ? said : "";
}

/** State, how far, time left, why it waits or failed, and what is worth knowing about it. */
export function RunState({ job }: { job: Job }) {
  const took = tookSeconds(job.started_at, job.finished_at);
  const sentence = stateSentence(job);
  const runs = job.state === "running" || job.state === "stopping";
  return (
    <Card>
      <div class="run-state">
        <span class="run-state" aria-live="polite">
          <StateBadge state={jobWord(job.state)} filled />
          {sentence && <b>{sentence}</b>}
        </span>
        {ownWords(job, sentence) && <span class="muted">{ownWords(job, sentence)}</span>}
        {timeLeft(job) && <span class="muted num">{timeLeft(job)}</span>}
        {job.state === "running" && expectedText(job) && <span class="muted num">{expectedText(job)}</span>}
        {took !== null && job.state !== "queued" && <span class="muted num">{runs ? `running for ${duration(took)}` : `took ${duration(took)}`}</span>}
      </div>
      <div class="stack small">
        {job.state === "queued" && <Waiting job={job} />}
        {(runs || job.state === "stopped") && <Progress value={fractionDone(job)} label="Progress" tone={jobWord(job.state).tone} />}
        {job.error && <JobError job={job} onStarted={(started) => go(runPath(started.id))} />}
        <Diverged job={job} />
        {job.notes.map((text) => <Notice key={text}>{text}</Notice>)}
      </div>
    </Card>
  );
}

/** The run's curves in TensorBoard, where one is served. */
function TensorBoardLink({ jobId }: { jobId: string }) {
  const system = useResource((stop) => getSystem(stop), []);
  const url = system.data?.tensorboard.url;
  if (!url) return null;
  const address = `${url.replace(/\/$/, "")}/?runFilter=${encodeURIComponent(jobId)}#timeseries`;
  return <a class="button quiet" href={address} target="_blank" rel="noreferrer"><ExternalLink size={16} aria-hidden />Open in TensorBoard</a>;
}

/** What a training's page offers beside stopping it. */
export function TrainingLinks({ job }: { job: Job }) {
  return (
    <>
      {job.dataset_id && <Button icon={Copy} href={copyPath(job.dataset_id, job.id)}>Train again with changes</Button>}
      <TensorBoardLink jobId={job.id} />
    </>
  );
}
