/** The words for jobs: their states, progress and ends. Pure. */
import type { Job, JobState } from "../../api/jobs";
import { count, countOf, duration } from "../format";
import type { StateWord } from "../tone";
import { kindWord } from "./job-kinds";

const JOB_WORDS: Record<JobState, StateWord> = {
  queued: { tone: "waiting", word: "Waiting" },
  running: { tone: "running", word: "Running" },
  stopping: { tone: "running", word: "Stopping" },
  succeeded: { tone: "done", word: "Done" },
  failed: { tone: "failed", word: "Failed" },
  stopped: { tone: "waiting", word: "Stopped" },
};

export const jobWord = (state: JobState): StateWord => JOB_WORDS[state] ?? { tone: "idle", word: state };

/** What a job is called in lists: its own name, or its kind and model. */
export function jobTitle(job: Pick<Job, "kind" | "params">): string {
  const { name, model } = job.params;
  if (typeof name === "string" && name !== "" && job.kind === "train") return name;
  const base = kindWord(job.kind);
  const shown = typeof model === "string" && model !== "" && job.kind !== "augment";
  return shown ? `${base} · ${model}` : base;
}

export const isActive = (state: JobState): boolean =>
  state === "queued" || state === "running" || state === "stopping";

/** Done part of a job in 0..1; null while it is unknown. */
export function fractionDone(job: Pick<Job, "progress" | "state">): number | null {
  if (job.state === "succeeded") return 1;
  const { done, total } = job.progress;
  return done === null || total === null || total <= 0 ? null : Math.min(1, done / total);
}

type Worded = Pick<Job, "kind" | "params" | "progress" | "state" | "queue_position">;

/** "Epoch 4 of 10" of a training that counts steps: the epoch under way, or after its end those done. */
function epochText({ params, progress: { done, total }, state }: Worded): string | null {
  const epochs = Number(params.epochs);
  if (!Number.isInteger(epochs) || epochs < 1 || done === null || total === null || total < epochs) return null;
  const passed = (done * epochs) / total;
  const shown = isActive(state) ? Math.max(1, Math.ceil(passed)) : Math.floor(passed);
  return `Epoch ${count(shown)} of ${count(epochs)}`;
}

/** "Epoch 4 of 10", "812 of 1,240 images", or what an active job says itself. */
export function progressText(job: Worded): string {
  if (job.state === "queued") {
    return job.queue_position ? `Place ${count(job.queue_position)} in the queue` : "In the queue";
  }
  const { done, total, unit, message } = job.progress;
  const said = isActive(job.state) ? (message ?? "") : "";
  const hasBegun = done !== null && done > 0;
  if (job.kind === "train" && (hasBegun || said === "")) return epochText(job) ?? said;
  if (done === null || total === null || unit === "steps") return said;
  return hasBegun || said === "" ? `${count(done)} of ${count(total)} ${unit ?? ""}`.trim() : said;
}

/** "3 min left", or nothing when nobody knows. */
export function timeLeft(job: Pick<Job, "progress" | "eta_s" | "state">): string {
  const eta_s = job.progress.eta_s ?? job.eta_s;
  return isActive(job.state) && eta_s !== null && eta_s >= 1 ? `${duration(eta_s)} left` : "";
}

/** What an edit of many captions, or its undo, did: "312 captions changed, 2 left alone". */
function editText({ kind, result }: Pick<Job, "kind" | "result">): string | null {
  const number = (key: string) => Number(result?.[key] ?? 0);
  const say = (parts: [number, string][]) => parts.map(([many, words]) => (many > 0 ? `${count(many)} ${words}` : "")).filter(Boolean);
  if (kind === "undo_edit") {
    return [`${countOf(number("restored"), "caption")} restored`, ...say([[number("kept"), "kept as changed since"]])].join(", ");
  }
  if (kind !== "edit_captions") return null;
  const rest = say([[number("conflicts"), "left as changed meanwhile"], [number("rejected_count"), "refused"]]);
  return [`${countOf(number("changed"), "caption")} changed`, ...rest].join(", ");
}

/** How a job ended, in one sentence, for the live region. */
export function endingText(job: Worded & Pick<Job, "error" | "result">): string {
  const title = jobTitle(job);
  const edited = job.state === "failed" || !job.result ? null : editText(job);
  if (edited) return `${title}: ${job.state === "stopped" ? "stopped, " : ""}${edited}.`;
  if (job.state === "succeeded") return `${title}: done.`;
  if (job.state === "stopped") {
    const at = progressText(job);
    return `${title}: stopped${at ? ` at ${at.charAt(0).toLowerCase()}${at.slice(1)}` : ""}.`;
  }
  return `${title}: failed. ${job.error?.message ?? ""}`.trim();
}
