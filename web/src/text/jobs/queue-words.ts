/** A job's place in its queue in words. Pure. */
import type { Job, Queue } from "../../api/jobs";
import { count, duration, millisOf } from "../format";

const SOON_S = 45;
const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });

/** "14:32" today, "Tue 14:32" on another day. */
export function clock(iso: string, now_ms: number = Date.now()): string {
  const date = new Date(millisOf(iso));
  if (Number.isNaN(date.getTime())) return "";
  const isToday = date.toDateString() === new Date(now_ms).toDateString();
  return (isToday ? time : dayAndTime).format(date);
}

/** "in 3 min, at 14:32"; "any moment" for what is due. */
export function upcoming(iso: string, now_ms: number = Date.now()): string {
  const s = (millisOf(iso) - now_ms) / 1000;
  return s < SOON_S ? "any moment" : `in about ${duration(s)}, at ${clock(iso, now_ms)}`;
}

type Waiting = Pick<Job, "state"> & Partial<Pick<Job, "estimated_start" | "estimated_end">>;

/** When a waiting job will begin and end, or a running one end; empty while nobody can tell. */
export function expectedText(job: Waiting, now_ms: number = Date.now()): string {
  const { state, estimated_start: start, estimated_end: end } = job;
  const said: string[] = [];
  if (state === "queued" && start) said.push(`Starts ${upcoming(start, now_ms)}.`);
  if ((state === "queued" || state === "running") && end) said.push(`Ends about ${clock(end, now_ms)}.`);
  return said.join(" ");
}

/** Where a waiting job stands, and why it waits. */
export function placeText(job: Pick<Job, "queue_position"> & Partial<Pick<Job, "queue_reason">>): string {
  const place = job.queue_position ? `Place ${count(job.queue_position)} in the queue` : "In the queue";
  return job.queue_reason ? `${place}. ${job.queue_reason.replace(/\.$/, "")}.` : `${place}.`;
}

const QUEUE_WORDS: Record<string, string> = { gpu: "GPU queue", cpu: "CPU queue" };
const QUEUE_TEXTS: Record<string, string> = {
  gpu: "Trainings, indexes, and what else a model computes.",
  cpu: "Uploads, splits, edits and other work on the data.",
};
export const queueWord = (name: string): string => QUEUE_WORDS[name] ?? `Queue ${name}`;
export const queueText = (name: string): string => QUEUE_TEXTS[name] ?? "";

type Ordered = Pick<Job, "id" | "created_by">;

/** The jobs of a queue that a person may move: all for who runs the service, else their own. */
export function movable<T extends Ordered>(waiting: readonly T[], mayAll: boolean, me: string): T[] {
  return mayAll ? [...waiting] : waiting.filter((job) => job.created_by === me);
}

/** What a step up (-1) or down (1) puts the job before: an id, "" for the end; null where there is no such step. */
export function beforeAfterStep(movables: readonly Ordered[], id: string, step: -1 | 1): string | null {
  const at = movables.findIndex((job) => job.id === id);
  const to = at + step;
  if (at < 0 || to < 0 || to >= movables.length) return null;
  return step < 0 ? (movables[to]?.id ?? null) : (movables[to + 1]?.id ?? "");
}

/** What a job that is let go on another one is put before: downwards it comes behind that one. */
export function beforeForDrop(movables: readonly Ordered[], id: string, target: string): string | null {
  const [from, to] = [id, target].map((one) => movables.findIndex((job) => job.id === one)) as [number, number];
  if (from < 0 || to < 0 || from === to) return null;
  return from < to ? (movables[to + 1]?.id ?? "") : target;
}

/** The order after a move, as it is shown until the server has answered. */
export function moved<T extends Ordered>(waiting: readonly T[], id: string, before: string): T[] {
  const job = waiting.find((one) => one.id === id);
  if (!job || id === before) return [...waiting];
  const rest = waiting.filter((one) => one.id !== id);
  const at = rest.findIndex((one) => one.id === before);
  return at < 0 ? [...rest, job] : [...rest.slice(0, at), job, ...rest.slice(at)];
}

/** Who paused a queue, when and why. */
export function pausedText({ paused }: Pick<Queue, "paused">): string {
  if (!paused) return "";
  const why = paused.reason ? `: ${paused.reason.replace(/\.$/, "")}` : "";
  return `Paused by ${paused.by} at ${clock(paused.at)}${why}. What runs goes on; nothing new begins.`;
}
