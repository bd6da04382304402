/** What the service runs on. */
import { request, withSignal } from "./http";

export interface Worker {
  name: string;
  host: string;
  pid: number | null;
  queues: string[];
  state: "online" | "offline";
  active: { job_id: string; kind: string }[];
  concurrency: number | null;
  started_at: string | null;
}

/** Whether paraphrases by a language model can be asked for; here: its files need no download. */
export interface LlmState {
  available: boolean;
  how: "endpoint" | "vllm" | null;
  model: string;
  here: boolean;
  message: string;
  remedy: string;
}

export interface System {
  version: string;
  versions: Record<string, string>;
  device: string;
  stack: string;
  workers: Worker[];
  queues: { name: string; depth: number; running: number; workers: number }[];
  gpus: {
    index: number;
    name: string;
    memory_gb: number;
    used_gb: number | null;
    utilisation: number | null;
  }[];
  store: { kind: string; ok: boolean; detail?: string };
  database: { kind: string; ok: boolean };
  redis: { ok: boolean; server?: string; detail?: string };
  disk: { free_gb: number; total_gb: number };
  tensorboard: { url: string | null };
  llm: LlmState;
}

export const getSystem = (signal?: AbortSignal) => request<System>("GET", "/system", withSignal(signal));
