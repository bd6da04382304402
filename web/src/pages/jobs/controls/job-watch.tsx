import type { Job } from "../../../api/jobs";
import { useJob } from "../../../state/jobs/live-jobs";
import { JobButtons } from "./job-buttons";
import { JobError } from "./job-error";
import { JobProgress } from "./job-progress";

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
