/** What the service runs on. */
import { request, withSignal } from "./http";
import type { SystemOut } from "./schema";

export type { LlmState, SystemOut as System, WorkerOut as Worker } from "./schema";

export const getSystem = (signal?: AbortSignal) => request<SystemOut>("GET", "/system", withSignal(signal));
