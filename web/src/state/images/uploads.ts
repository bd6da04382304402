/** Uploads go on while the person looks at other pages, and after the network was away. */
import { signal } from "@preact/signals";
import { getDataset } from "../../api/datasets";
import { ApiError, asApiError, upload } from "../../api/http";
import { beginUpload, knownFiles, putUpload, takeUploads } from "../../api/images";
import { getJob, type Job } from "../../api/jobs";
import type { PickedFile } from "../../files/picked-files";
import { sha256 } from "../../files/sha256";
import { storedZip } from "../../files/zip";
import { countOf } from "../../text/format";
import { isActive } from "../../text/jobs/job-words";
import { acceptJob, jobById, tellQuietly } from "../jobs/live-jobs";
import { toast } from "../toasts";
import { batches, sortedForUpload, uploadTotals } from "./upload-batches";

export type Phase = "sending" | "pausing" | "offline" | "taking" | "failed" | "done";

export interface Upload {
  phase: Phase;
  files: number;
  sent_bytes: number;
  total_bytes: number;
  /** Files that were there already and were not sent. */
  known: number;
  jobs: string[];
  error: ApiError | undefined;
}

/** What is left to do. */
interface Remaining {
  parts: PickedFile[][];
  large: PickedFile[];
  captions: PickedFile[];
  sent_bytes: number;
  /** Whether the dataset may have some of the files. */
  checksKnown: boolean;
}

const PAUSES_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];
const PORTION_BYTES = 8 * 1024 * 1024;
const ASK_MS = 1000;

const uploads = signal<ReadonlyMap<string, Upload>>(new Map());
const remaining = new Map<string, Remaining>();
export const uploadOf = (datasetId: string): Upload | undefined => uploads.value.get(datasetId);
export const isSending = (of: Upload | undefined): boolean =>
  of !== undefined && (of.phase === "sending" || of.phase === "pausing" || of.phase === "taking");

function put(datasetId: string, change: Partial<Upload>): void {
  const blank: Upload = { phase: "sending", files: 0, sent_bytes: 0, total_bytes: 0, known: 0, jobs: [], error: undefined };
  uploads.value = new Map(uploads.value).set(datasetId, { ...blank, ...uploadOf(datasetId), ...change });
}

const sizeOf = (files: readonly PickedFile[]): number => files.reduce((sum, file) => sum + file.size, 0);
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** Whether trying again may help: no answer, or the service is not all there. */
const isPassing = (problem: ApiError): boolean => problem.status === 0 || problem.status >= 502;

/** Does it again after growing pauses while there is no answer; not when this machine has no network. */
async function retrying<T>(datasetId: string, act: () => Promise<T>): Promise<T> {
  for (const pause_ms of PAUSES_MS) {
    try {
      return await act();
    } catch (thrown) {
      if (!isPassing(asApiError(thrown)) || !navigator.onLine) throw thrown;
      put(datasetId, { phase: "pausing" });
      await wait(pause_ms);
      put(datasetId, { phase: "sending" });
    }
  }
  return act();
}

function followJob(datasetId: string, job: Job): void {
  tellQuietly(job.id);
  acceptJob(job);
  const jobs = uploadOf(datasetId)?.jobs ?? [];
  if (!jobs.includes(job.id)) put(datasetId, { jobs: [...jobs, job.id] });
}

/** Without those that are images of the dataset already. */
async function withoutKnown(datasetId: string, files: PickedFile[]): Promise<PickedFile[]> {
  const hashes: string[] = [];
  for (const { file } of files) hashes.push(await sha256(await file.arrayBuffer()));
  const known = new Set((await knownFiles(datasetId, hashes)).known);
  return files.filter((_, index) => !known.has(hashes[index] ?? ""));
}

async function sendBatch(datasetId: string, files: PickedFile[], before: number): Promise<void> {
  const form = new FormData();
  files.forEach(({ file, name }) => form.append("files", file, name));
  const size = sizeOf(files);
  const join = uploadOf(datasetId)?.jobs.at(-1);
  const address = `/datasets/${encodeURIComponent(datasetId)}/images${join ? `?join=${join}` : ""}`;
  const { job } = await upload<{ job: Job }>(address, form, (sent, total) =>
    put(datasetId, { sent_bytes: before + (total > 0 ? (sent / total) * size : 0) }),
  );
  followJob(datasetId, job);
}

/** Where an upload is after a portion; also when it was not where we thought. */
export async function sendPortion(id: string, file: File, at: number): Promise<number> {
  try {
    return (await putUpload(id, at, file.slice(at, at + PORTION_BYTES))).offset;
  } catch (thrown) {
    const offset = (asApiError(thrown).details as { offset?: unknown } | undefined)?.offset;
    if (typeof offset === "number") return offset;
    throw thrown;
  }
}

async function sendLarge(datasetId: string, { name, size, file }: PickedFile, before: number): Promise<void> {
  const begun = await retrying(datasetId, () => beginUpload(name, size, `${name} ${size} ${file.lastModified}`));
  let at = begun.offset;
  while (at < size) {
    put(datasetId, { sent_bytes: before + at });
    const from = at;
    at = await retrying(datasetId, () => sendPortion(begun.id, file, from));
  }
  followJob(datasetId, (await retrying(datasetId, () => takeUploads(datasetId, [begun.id]))).job);
}

/** Waits until the jobs of the images have ended. */
async function imagesAreIn(datasetId: string): Promise<void> {
  for (const id of uploadOf(datasetId)?.jobs ?? []) {
    while (isActive(acceptJob(await retrying(datasetId, () => getJob(id))).state)) await wait(ASK_MS);
  }
}

/** All caption files as one zip, when the images that they are about are there. */
async function sendCaptions(datasetId: string, files: PickedFile[], before: number): Promise<void> {
  const read = files.map(async ({ name, file }) => ({ name, data: new Uint8Array(await file.arrayBuffer()) }));
  const zip = new File([storedZip(await Promise.all(read))], "captions.zip");
  await sendBatch(datasetId, [{ name: zip.name, size: sizeOf(files), file: zip }], before);
}

/** Does what is left to do. Each step is taken off when it is done, so that another call goes on. */
async function sendRemaining(datasetId: string, left: Remaining): Promise<void> {
  const advance = (files: PickedFile[]) => {
    left.sent_bytes += sizeOf(files);
    put(datasetId, { sent_bytes: left.sent_bytes });
  };
  for (let part = left.parts[0]; part; part = left.parts[0]) {
    const all = part;
    const files = left.checksKnown ? await retrying(datasetId, () => withoutKnown(datasetId, all)) : all;
    if (files.length > 0) await retrying(datasetId, () => sendBatch(datasetId, files, left.sent_bytes));
    put(datasetId, { known: (uploadOf(datasetId)?.known ?? 0) + all.length - files.length });
    left.parts.shift();
    advance(all);
  }
  for (let file = left.large[0]; file; file = left.large[0]) {
    await sendLarge(datasetId, file, left.sent_bytes);
    left.large.shift();
    advance([file]);
  }
  if (left.captions.length > 0) {
    put(datasetId, { phase: "taking" });
    await imagesAreIn(datasetId);
    await retrying(datasetId, () => sendCaptions(datasetId, left.captions, left.sent_bytes));
    left.captions = [];
  }
}

/** Until all is sent, or something stands in the way; then until all is taken in. */
async function run(datasetId: string, left: Remaining): Promise<void> {
  put(datasetId, { phase: "sending", error: undefined });
  try {
    await sendRemaining(datasetId, left);
    remaining.delete(datasetId);
    put(datasetId, { phase: "done", sent_bytes: uploadOf(datasetId)?.total_bytes ?? 0 });
  } catch (thrown) {
    const error = asApiError(thrown);
    put(datasetId, { phase: isPassing(error) ? "offline" : "failed", error, sent_bytes: left.sent_bytes });
    return;
  }
  await imagesAreIn(datasetId);
  const jobs = (uploadOf(datasetId)?.jobs ?? []).map(jobById).filter((job) => job !== undefined);
  const { added } = uploadTotals(jobs);
  if (jobs.every((job) => job.state === "succeeded")) toast({ tone: "done", text: `${countOf(added, "image")} added.` });
}

/** Goes on with an upload that the network or an error has broken off. */
export async function resumeUpload(datasetId: string): Promise<void> {
  const left = remaining.get(datasetId);
  if (left && !isSending(uploadOf(datasetId))) await run(datasetId, left);
}

/** Sends images, zips and the captions beside them, part by part; what is there already is left out. */
export async function uploadImages(datasetId: string, files: PickedFile[]): Promise<void> {
  const { small, large, captions } = sortedForUpload(files);
  const all = [...small, ...large, ...captions];
  put(datasetId, { phase: "sending", files: all.length, sent_bytes: 0, total_bytes: sizeOf(all), known: 0, jobs: [], error: undefined });
  const checksKnown = await getDataset(datasetId).then(
    ({ counts }) => counts.images > 0,
    () => true,
  );
  const left = { parts: batches(small), large, captions, sent_bytes: 0, checksKnown };
  remaining.set(datasetId, left);
  await run(datasetId, left);
}

export function forgetUpload(datasetId: string): void {
  const next = new Map(uploads.value);
  next.delete(datasetId);
  uploads.value = next;
  remaining.delete(datasetId);
}

/** Goes on by itself when the network is back; asks before the page is left in the middle. */
export function watchUploads(): void {
  window.addEventListener("online", () => {
    for (const [id, { phase }] of uploads.value) if (phase === "offline") void resumeUpload(id);
  });
  window.addEventListener("beforeunload", (event) => {
    if ([...uploads.value.values()].some((one) => one.phase === "sending" || one.phase === "pausing")) event.preventDefault();
  });
}
