import { type Job, type JobKind, retryJob, startJob } from "../../../api/jobs";
import { ErrorState } from "../../../design/states";
import { go } from "../../../routing/router";
import { copyPath } from "../../../routing/routes";
import { acceptJob } from "../../../state/jobs/live-jobs";
import { useAction } from "../../../state/resource";

/** Starts the same job again with other params: what an error's remedy does. */
function startAgain(job: Job, change: Record<string, unknown>): Promise<Job> {
  // only what a person has asked for has a remedy that starts it again
  return startJob(job.dataset_id ?? "", job.kind as JobKind, { ...job.params, ...change });
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
        onRetry={job.error.code === DIVERGED || !job.may.includes("retry") ? undefined : retry.run}
        acts={{
          synonyms: () => again.run({ method: "synonyms", llm_model: undefined }),
          ...(dataset && job.kind === "train" ? { "other-settings": () => go(copyPath(dataset, job.id)) } : {}),
        }}
      />
      {(again.error ?? retry.error) && <ErrorState problem={(again.error ?? retry.error)!} datasetId={job.dataset_id} />}
    </div>
  );
}
