/** All jobs this page knows of, kept current by events and, when those fail, by asking. */
import { computed, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { JobEvent } from "../../api/events";
import { asApiError } from "../../api/http";
import { getJob, type Job, listJobs } from "../../api/jobs";
import { connection, enterRoom } from "../../api/socket";
import { runPath } from "../../routing/routes";
import { CAPTION_WRITERS } from "../../text/jobs/job-kinds";
import { endingText, isActive } from "../../text/jobs/job-words";
import { touchCaptions, touchDataset } from "../datasets/live-datasets";
import { announce, toast, type ToastAction } from "../toasts";
import { isFullJob, mergeEvent, mergeRecord } from "./job-records";

const jobs = signal<ReadonlyMap<string, Job>>(new Map());
const watched = new Map<string, number>();
const asked = new Set<string>();
const again = new Set<string>();
const quiet = new Set<string>();

type Offer = (job: Job) => ToastAction | undefined;
const offers = new Map<string, { offer: Offer; leave: () => void }>();

const POLL_OFFLINE_MS = 3000;
const POLL_ONLINE_MS = 15_000;

/** What waits, runs or stops, oldest first. */
export const activeJobs = computed(() =>
  [...jobs.value.values()]
    .filter((job) => isActive(job.state))
    .sort((a, b) => a.created_at.localeCompare(b.created_at)),
);

export const jobById = (id: string): Job | undefined => jobs.value.get(id);

/** Follows a job to its end, whose sentence then offers something beside itself, such as taking it back. */
export function offerAtEnd(id: string, offer: Offer): void {
  offers.set(id, { offer, leave: enterRoom(`job:${id}`) });
  const known = jobs.value.get(id);
  if (known && !isActive(known.state)) tellEnd(known); // it was over before the answer to its start was here
}

/** Lets a job that is a part of something larger end without a sentence of its own, if it succeeds. */
export const tellQuietly = (id: string): unknown => quiet.add(id);

function tellEnd(job: Job): void {
  if (quiet.has(job.id) && job.state === "succeeded") return touch(job);
  const text = endingText(job);
  announce(text);
  const ending = offers.get(job.id);
  const action = ending?.offer(job);
  const tone = job.state === "succeeded" ? "done" : job.state === "failed" ? "failed" : "waiting";
  toast({ tone, text, href: runPath(job.id), ...(action ? { action } : {}) });
  ending?.leave();
  offers.delete(job.id);
  touch(job);
}

function touch(job: Job): void {
  if (job.dataset_id) touchDataset(job.dataset_id);
  if (job.dataset_id && CAPTION_WRITERS.has(job.kind)) touchCaptions(job.dataset_id);
}

function put(job: Job): void {
  const before = jobs.value.get(job.id);
  if (before === job) return;
  jobs.value = new Map(jobs.value).set(job.id, job);
  if (before && isActive(before.state) && !isActive(job.state)) tellEnd(job);
}

/** Takes a full record, of REST or a snapshot. Returns what is known now. */
export function acceptJob(record: Job): Job {
  const job = mergeRecord(jobs.value.get(record.id), record);
  put(job);
  return job;
}

/** Takes an event. An end, and a job nobody knew, are fetched whole. */
export function acceptEvent(event: JobEvent): void {
  const known = jobs.value.get(event.job_id);
  const next = mergeEvent(known, event);
  const isEnd = known !== undefined && isActive(known.state) && !isActive(event.state);
  const waits = isEnd && offers.has(event.job_id); // what is offered depends on the result, which no event holds
  if (next && next !== known && !waits) put(next);
  const changedState = next?.state !== known?.state;
  if (!known || (changedState && !isActive(event.state))) void fetchJob(event.job_id);
}

/** Takes the snapshot of a job, or of the room of all active ones. */
export function acceptSnapshot(snapshot: unknown): void {
  if (typeof snapshot !== "object" || snapshot === null) return;
  const record = snapshot as Job | JobEvent | { items: Job[] };
  if ("items" in record) record.items.forEach(acceptJob);
  else if (isFullJob(record)) acceptJob(record);
  else if ("job_id" in record) acceptEvent(record);
}

/** Lets go of a job that is no longer there: its dataset was deleted. */
function forget(id: string): void {
  if (!jobs.value.has(id)) return;
  const left = new Map(jobs.value);
  left.delete(id);
  jobs.value = left;
}

async function fetchJob(id: string): Promise<void> {
  if (asked.has(id)) return void again.add(id);
  asked.add(id);
  try {
    acceptJob(await getJob(id));
  } catch (thrown) {
    if (asApiError(thrown).status === 404) forget(id); // else the next poll asks again
  } finally {
    asked.delete(id);
    if (again.delete(id)) void fetchJob(id);
  }
}

/** Asks for what is active, and for what was active or is watched and not among it. */
export async function refreshJobs(): Promise<void> {
  const { items } = await listJobs({ state: "active", limit: 100 });
  items.forEach(acceptJob);
  const fresh = new Set(items.map((job) => job.id));
  const missing = [...activeJobs.value.map((job) => job.id), ...watched.keys()].filter((id) => !fresh.has(id));
  const open = new Set(missing.filter((id) => isActive(jobs.value.get(id)?.state ?? "queued")));
  await Promise.all([...open].map(fetchJob));
}

/** Keeps the jobs current: every 3 s without a socket, every 15 s with one. */
export function startPolling(): void {
  let last_ms = 0;
  window.setInterval(() => {
    const every = connection.value === "online" ? POLL_ONLINE_MS : POLL_OFFLINE_MS;
    if (document.hidden || Date.now() - last_ms < every) return;
    last_ms = Date.now();
    void refreshJobs().catch(() => undefined);
  }, 1000);
}

/** A job that stays current while the component is there. */
export function useJob(id: string | null | undefined): Job | undefined {
  useEffect(() => {
    if (!id) return undefined;
    watched.set(id, (watched.get(id) ?? 0) + 1);
    const leave = enterRoom(`job:${id}`);
    void fetchJob(id);
    return () => {
      leave();
      const left = (watched.get(id) ?? 1) - 1;
      if (left > 0) watched.set(id, left);
      else watched.delete(id);
    };
  }, [id]);
  return id ? jobs.value.get(id) : undefined;
}
