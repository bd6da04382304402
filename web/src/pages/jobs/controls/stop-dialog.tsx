import { type Job, stopJob } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { Dialog } from "../../../design/dialog";
import { ErrorState } from "../../../design/states";
import { acceptJob } from "../../../state/jobs/live-jobs";
import { useAction } from "../../../state/resource";
import { jobTitle } from "../../../text/jobs/job-words";

/** How a running training is stopped: with a checkpoint to go on from, or at once. */
export function StopDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  const stop = (mode: "save" | "kill") => stopJob(job.id, mode).then(acceptJob).then(onClose);
  const save = useAction(() => stop("save"));
  const kill = useAction(() => stop("kill"));
  const error = save.error ?? kill.error;
  return (
    <Dialog title={`Stop ${jobTitle(job)}`} onClose={onClose}>
      <p>With a checkpoint, Resume goes on from this step. Ended at once, it goes on from the checkpoint before, if there is one.</p>
      {error && <ErrorState problem={error} />}
      <div class="dialog-foot">
        <Button onClick={onClose}>Let it run</Button>
        <Button kind="danger" busy={kill.busy} disabled={job.stop_requested === "kill"} onClick={() => kill.run()}>End at once</Button>
        <Button kind="primary" busy={save.busy} disabled={job.state === "stopping"} onClick={() => save.run()}>Stop and keep checkpoint</Button>
      </div>
    </Dialog>
  );
}
