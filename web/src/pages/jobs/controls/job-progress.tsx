import type { Job } from "../../../api/jobs";
import { Progress } from "../../../design/progress";
import { fractionDone, isActive, jobWord, progressText, timeLeft } from "../../../text/jobs/job-words";
import "./job-progress.css";

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
