/** Edits of many captions: followed to their end, which offers to take them back. */
import { undoJob } from "../../api/captions";
import { asApiError } from "../../api/http";
import type { Job } from "../../api/jobs";
import { UNDOABLE_KINDS } from "../../text/jobs/job-kinds";
import { acceptJob, offerAtEnd } from "../jobs/live-jobs";
import { toast } from "../toasts";

const changedBy = ({ result }: Pick<Job, "result">): number => Number(result?.changed ?? result?.restored ?? result?.written ?? 0);

/** Whether a job has changed captions that can be brought back. */
export const isUndoable = (job: Pick<Job, "kind" | "state" | "result">): boolean =>
  UNDOABLE_KINDS.has(job.kind) && (job.state === "succeeded" || job.state === "stopped") && changedBy(job) > 0;

/** What taking a job back is called. */
export const undoVerb = ({ kind }: Pick<Job, "kind">): "Undo" | "Redo" => (kind === "undo_edit" ? "Redo" : "Undo");

/** Takes a job over whose end offers to take it back. */
export function followEdit(started: Job): Job {
  offerAtEnd(started.id, (job) => (isUndoable(job) ? { verb: undoVerb(job), run: () => void undoEdit(job.id) } : undefined));
  return acceptJob(started);
}

/** Takes a job's changes of captions back, but for those that somebody has changed since. */
export async function undoEdit(jobId: string): Promise<void> {
  try {
    followEdit((await undoJob(jobId)).job);
  } catch (thrown) {
    const { message, remedy } = asApiError(thrown);
    toast({ tone: "failed", text: `${message} ${remedy}` });
  }
}
