/** Queues, kept current: asked for again when one of their jobs moves, begins or ends. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { getQueue, type Queue } from "../../api/jobs";
import { connection, enterRoom } from "../../api/socket";
import { type Resource, useResource } from "../resource";
import { createTabThrottle } from "../tab-throttle";
import { acceptJob, activeJobs } from "./live-jobs";

const EVERY_MS = 1000;
const SPREAD_MS = 200;
const POLL_ONLINE_MS = 10_000;
const POLL_OFFLINE_MS = 3000;

const versions = signal<ReadonlyMap<string, number>>(new Map());

const throttle = createTabThrottle(EVERY_MS, SPREAD_MS, (name) => (versions.value = new Map(versions.value).set(name, (versions.value.get(name) ?? 0) + 1)));

/** Says that a queue changed; many in a row count once. */
export const touchQueue = (name: string): void => throttle.ask(name);

/** Its jobs and their states: when this text changes, so did the order. */
const standing = (name: string): string =>
  activeJobs.value.filter((job) => job.queue === name).map((job) => `${job.id} ${job.state} ${job.priority}`).join("|");

/** A queue that stays current while the component is there; null asks for nothing. */
export function useQueue(name: string | null): Resource<Queue> {
  useEffect(() => (name ? enterRoom("jobs") : undefined), [name]);
  const version = name ? `${versions.value.get(name) ?? 0} ${standing(name)}` : "";
  const queue = useResource(
    async (stop) => {
      const found = await getQueue(name ?? "", stop);
      [...found.running, ...found.waiting].forEach(acceptJob);
      return found;
    },
    [name],
    version,
  );
  const { reload } = queue;
  const every_ms = connection.value === "online" ? POLL_ONLINE_MS : POLL_OFFLINE_MS;
  useEffect(() => {
    if (!name) return undefined;
    const timer = window.setInterval(() => document.hidden || reload(), every_ms);
    return () => clearInterval(timer);
  }, [name, every_ms]);
  return queue;
}
