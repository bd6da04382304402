import { Play, RotateCcw, Square, Undo2, X } from "lucide-preact";
import { useState } from "preact/hooks";
import { asApiError } from "../../../api/http";
import { type Job, resumeJob, retryJob, stopJob } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { isUndoable, undoEdit, undoVerb } from "../../../state/captions/bulk-edits";
import { acceptJob } from "../../../state/jobs/live-jobs";
import { needs } from "../../../state/people/roles";
import { useAction } from "../../../state/resource";
import { toast } from "../../../state/toasts";
import { isActive } from "../../../text/jobs/job-words";
import { StopDialog } from "./stop-dialog";

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
  const action = useAction(() => undoEdit(job.id));
  return <Button small={small} icon={Undo2} busy={action.busy} {...(job.dataset_id ? needs(job.dataset_id, "manager") : {})} onClick={() => action.run()}>{undoVerb(job)}</Button>;
}

/** What this person can do about a job in its state: stop, resume, retry, take back. */
export function JobButtons({ job, small = false }: { job: Job; small?: boolean }) {
  const resume = useJobCall(() => resumeJob(job.id));
  const retry = useJobCall(() => retryJob(job.id));
  if (isActive(job.state)) return job.may.includes("stop") ? <StopButton job={job} small={small} /> : null;
  const back = isUndoable(job) && <UndoButton job={job} small={small} />;
  if (job.state === "succeeded") return <>{back}</>;
  return (
    <>
      {back}
      {job.resumable && job.may.includes("resume") && <Button small={small} kind="primary" icon={Play} busy={resume.busy} onClick={resume.run}>Resume</Button>}
      {job.may.includes("retry") && <Button small={small} icon={RotateCcw} busy={retry.busy} onClick={retry.run}>Retry</Button>}
    </>
  );
}
