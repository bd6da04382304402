/** Uploads go on while the person looks at other pages. */
import { signal } from "@preact/signals";
import { type ApiError, asApiError, upload } from "../api/http";
import type { Job } from "../api/types";
import { batches } from "./batches";
import { acceptJob } from "./jobs";

export interface Upload {
  files: number;
  sent_bytes: number;
  total_bytes: number;
  jobs: string[];
  isDone: boolean;
  error: ApiError | undefined;
}

const uploads = signal<ReadonlyMap<string, Upload>>(new Map());
export const uploadOf = (datasetId: string): Upload | undefined => uploads.value.get(datasetId);

function put(datasetId: string, change: Partial<Upload>): void {
  const old = uploads.value.get(datasetId);
  const base: Upload = old ?? { files: 0, sent_bytes: 0, total_bytes: 0, jobs: [], isDone: false, error: undefined };
  uploads.value = new Map(uploads.value).set(datasetId, { ...base, ...change });
}

async function sendBatch(datasetId: string, files: File[], before: number): Promise<void> {
  const form = new FormData();
  files.forEach((file) => form.append("files", file, file.webkitRelativePath || file.name));
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const { job } = await upload<{ job: Job }>(`/datasets/${encodeURIComponent(datasetId)}/images`, form, (sent, total) =>
    put(datasetId, { sent_bytes: before + (total > 0 ? (sent / total) * size : 0) }),
  );
  put(datasetId, { jobs: [...(uploadOf(datasetId)?.jobs ?? []), job.id], sent_bytes: before + size });
  acceptJob(job);
}

/** Sends images or zips, part by part. */
export async function uploadImages(datasetId: string, files: File[]): Promise<void> {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  put(datasetId, { files: files.length, sent_bytes: 0, total_bytes: total, jobs: [], isDone: false, error: undefined });
  let before = 0;
  try {
    for (const part of batches(files)) {
      await sendBatch(datasetId, part, before);
      before += part.reduce((sum, file) => sum + file.size, 0);
    }
    put(datasetId, { isDone: true });
  } catch (thrown) {
    put(datasetId, { isDone: true, error: asApiError(thrown) });
  }
}

export function forgetUpload(datasetId: string): void {
  const next = new Map(uploads.value);
  next.delete(datasetId);
  uploads.value = next;
}
