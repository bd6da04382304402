/** What a worker does, in words. Pure. */
import type { Worker } from "../api/ops";
import { ago } from "./format";
import type { StateWord } from "./tone";

export type Order = "drain" | "pause" | "resume" | "stop" | "forget";

const WORDS: Record<Worker["status"], StateWord> = {
  starting: { tone: "waiting", word: "Connecting" },
  waiting: { tone: "waiting", word: "Waiting for a GPU" },
  loading: { tone: "running", word: "Loading a model" },
  ready: { tone: "done", word: "Free" },
  busy: { tone: "running", word: "Busy" },
  draining: { tone: "running", word: "Draining" },
  drained: { tone: "waiting", word: "Drained" },
  paused: { tone: "waiting", word: "Paused" },
  stopping: { tone: "waiting", word: "Stopping" },
  stuck: { tone: "failed", word: "Does not take messages" },
  silent: { tone: "failed", word: "Silent" },
  lost: { tone: "failed", word: "Lost" },
  left: { tone: "idle", word: "Ended" },
};

export const stateWord = (worker: Pick<Worker, "status">): StateWord => WORDS[worker.status] ?? { tone: "idle", word: worker.status };

type Told = Pick<Worker, "status" | "loading" | "asked" | "asked_by" | "last_seen" | "last_loop_at">;

/** More about the state: which model, who asked, since when nothing was heard; empty where there is nothing to say. */
export function stateText(worker: Told, now_ms: number = Date.now()): string {
  const since = (iso: string | null) => (iso ? ago(iso, now_ms) : "some time ago");
  if (worker.status === "waiting") return "Other runs of its host use it.";
  if (worker.status === "loading") return worker.loading ?? "";
  if (worker.status === "stuck") return `Its loop was last round ${since(worker.last_loop_at)}.`;
  if (worker.status === "silent" || worker.status === "lost") return `Last seen ${since(worker.last_seen)}.`;
  if (worker.asked !== "run" && worker.asked_by && worker.status !== "left") return `Asked by ${worker.asked_by}.`;
  return "";
}

/** What somebody may ask of a worker now. */
export function ordersFor(worker: Pick<Worker, "status" | "asked">): Order[] {
  if (worker.status === "lost" || worker.status === "left") return ["forget"];
  if (worker.asked === "stop" || worker.status === "stopping") return [];
  if (worker.asked === "drain" || worker.asked === "pause") return ["resume", "stop"];
  return ["drain", "pause", "stop"];
}

/** The queues that nobody else takes from: asking this worker to end leaves them without any. */
export function onlyHere(worker: Pick<Worker, "name" | "queues">, all: readonly Pick<Worker, "name" | "queues" | "status">[]): string[] {
  const takes = new Set(["ready", "busy", "loading"]);
  const others = all.filter((one) => one.name !== worker.name && takes.has(one.status));
  return worker.queues.filter((queue) => !others.some((one) => one.queues.includes(queue)));
}

const TEXTS: Record<Order, string> = {
  drain: "It ends what it runs and takes nothing more, until it ends or may run again.",
  pause: "It takes nothing more until somebody resumes it, also when it is started anew. What it runs goes on.",
  resume: "It takes work again.",
  stop: "What it runs is saved and goes back to its queue; then the worker ends. What started it may start it again, as `clip-browser up` and compose do.",
  forget: "It is taken off this list, with its log lines.",
};

export const orderText = (order: Order): string => TEXTS[order].replaceAll("`", "");
