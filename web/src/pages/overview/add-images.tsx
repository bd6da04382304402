import { FolderUp, ImagePlus, Upload as UploadIcon } from "lucide-preact";
import { useRef, useState } from "preact/hooks";
import type { Job } from "../../api/types";
import { Button } from "../../design/button";
import { Card } from "../../design/card";
import { Progress } from "../../design/progress";
import { ErrorState } from "../../design/states";
import { Table } from "../../design/table";
import { JobError, JobProgress } from "../../jobs/job-parts";
import { useJob } from "../../state/jobs";
import { forgetUpload, type Upload, uploadImages, uploadOf } from "../../state/uploads";
import { droppedFiles } from "../../text/files";
import { bytes, count, countOf } from "../../text/format";
import "./add-images.css";

interface IngestResult {
  added?: number;
  duplicates?: number | unknown[];
  rejected?: { name: string; reason: string }[];
}

/** What an ingest did: numbers, and each refused file with its reason. */
export function IngestReport({ job }: { job: Job }) {
  const { added = 0, duplicates = 0, rejected = [] } = (job.result ?? {}) as IngestResult;
  const repeated = Array.isArray(duplicates) ? duplicates.length : duplicates;
  return (
    <div class="stack small">
      <div class="upload-counts">
        <div><b>{count(added)}</b><span>added</span></div>
        <div><b>{count(repeated)}</b><span>already there</span></div>
        <div><b>{count(rejected.length)}</b><span>rejected</span></div>
      </div>
      {rejected.length > 0 && (
        <div class="rejected">
          <Table name="Rejected files" columns={[{ title: "File" }, { title: "Reason" }]}>
            {rejected.map((one, index) => (
              <tr key={index}><td>{one.name}</td><td>{one.reason}</td></tr>
            ))}
          </Table>
        </div>
      )}
    </div>
  );
}

function IngestJob({ id }: { id: string }) {
  const job = useJob(id);
  if (!job) return null;
  if (job.state === "succeeded") return <IngestReport job={job} />;
  if (job.state === "failed") return <JobError job={job} />;
  return <JobProgress job={job} />;
}

function UploadState({ datasetId, of }: { datasetId: string; of: Upload }) {
  const fraction = of.total_bytes > 0 ? of.sent_bytes / of.total_bytes : 0;
  return (
    <div class="stack small" aria-live="polite">
      {!of.isDone && (
        <>
          <Progress value={fraction} label="Upload" />
          <p class="muted num">
            Sending {countOf(of.files, "file")}: {bytes(of.sent_bytes)} of {bytes(of.total_bytes)}
          </p>
        </>
      )}
      {of.error && <ErrorState problem={of.error} datasetId={datasetId} onRetry={() => forgetUpload(datasetId)} />}
      {of.jobs.map((id) => <IngestJob key={id} id={id} />)}
    </div>
  );
}

function Picker({ name, isFolder, onFiles }: { name: string; isFolder?: boolean; onFiles: (files: File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const folder = isFolder ? { webkitdirectory: true } : { accept: "image/*,.zip,application/zip" };
  return (
    <>
      <Button kind={isFolder ? "quiet" : "secondary"} icon={isFolder ? FolderUp : UploadIcon} onClick={() => input.current?.click()}>
        {name}
      </Button>
      <input
        ref={input}
        class="unseen"
        type="file"
        multiple
        tabIndex={-1}
        aria-label={isFolder ? "Image folder" : "Image files"}
        {...folder}
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}

/** Drop or pick images, folders or zips; the rest is a job. */
export function AddImages({ datasetId }: { datasetId: string }) {
  const [isOver, setOver] = useState(false);
  const upload = uploadOf(datasetId);
  const isSending = upload !== undefined && !upload.isDone;
  const send = (files: File[]) => {
    if (files.length > 0 && !isSending) void uploadImages(datasetId, files);
  };
  return (
    <Card title="Add images" id="add">
      <div class="stack">
        <div
          class={isOver ? "drop over" : "drop"}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            event.preventDefault();
            setOver(false);
            if (event.dataTransfer) void droppedFiles(event.dataTransfer).then(send);
          }}
        >
          <ImagePlus size={24} strokeWidth={1.5} aria-hidden />
          <p>Drop images, folders or a zip here.</p>
          <div class="row">
            <Picker name="Choose files" onFiles={send} />
            <Picker name="Choose a folder" isFolder onFiles={send} />
          </div>
        </div>
        {upload && <UploadState datasetId={datasetId} of={upload} />}
      </div>
    </Card>
  );
}
