import { FolderUp, ImagePlus, Play, Upload as UploadIcon } from "lucide-preact";
import { useRef, useState } from "preact/hooks";
import type { Job } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Progress } from "../../../design/progress";
import { ErrorState, Notice } from "../../../design/states";
import { Table } from "../../../design/table";
import { droppedFiles, type PickedFile, pickedFiles } from "../../../files/picked-files";
import { type CaptionTotals, uploadTotals, type UploadTotals } from "../../../state/images/upload-batches";
import { forgetUpload, isSending, type Phase, resumeUpload, type Upload, uploadImages, uploadOf } from "../../../state/images/uploads";
import { jobById, useJob } from "../../../state/jobs/live-jobs";
import { bytes, count, countOf } from "../../../text/format";
import { isActive } from "../../../text/jobs/job-words";
import { JobButtons } from "../../jobs/controls/job-buttons";
import { JobError } from "../../jobs/controls/job-error";
import { JobProgress } from "../../jobs/controls/job-progress";
import "./add-images.css";

/** What an upload did: numbers, and each refused file with its reason. */
function TakenReport({ of, known }: { of: UploadTotals; known: number }) {
  const reasons = [...of.reasons, ...(of.captions?.reasons ?? [])].slice(0, 100);
  return (
    <div class="stack small">
      <div class="upload-counts">
        <div><b>{count(of.added)}</b><span>added</span></div>
        <div><b>{count(of.duplicates + known)}</b><span>already there</span></div>
        <div><b>{count(of.rejected)}</b><span>rejected</span></div>
      </div>
      {of.captions && <CaptionsReport of={of.captions} />}
      {reasons.length > 0 && (
        <div class="rejected">
          <Table name="Rejected files" columns={[{ title: "File" }, { title: "Reason" }]}>
            {reasons.map((one, index) => (
              <tr key={index}><td>{one.name}</td><td>{one.reason}</td></tr>
            ))}
          </Table>
        </div>
      )}
    </div>
  );
}

/** The same of a single job. */
export const IngestReport = ({ job }: { job: Job }) => <TakenReport of={uploadTotals([job])} known={0} />;

function CaptionsReport({ of }: { of: CaptionTotals }) {
  const parts = [
    `${countOf(of.written, "caption")} imported`,
    of.unchanged > 0 && `${count(of.unchanged)} unchanged`,
    of.unmatched > 0 && `${countOf(of.unmatched, "name")} without an image`,
    of.rejected > 0 && `${count(of.rejected)} rejected`,
  ].filter(Boolean);
  return (
    <>
      <p class="muted">{parts.join(", ")}.</p>
      {of.kept > 0 && (
        <Notice>
          {countOf(of.kept, "image")} kept the captions typed here. To write over them, use “Captions from a file”.
        </Notice>
      )}
    </>
  );
}

/** Keeps a job current. */
function Watch({ id }: { id: string }) {
  useJob(id);
  return null;
}

/** All jobs of an upload as one. */
function Taking({ of }: { of: Upload }) {
  const jobs = of.jobs.map(jobById).filter((job) => job !== undefined);
  const sum = uploadTotals(jobs);
  const isOver = of.phase === "done" && jobs.every((job) => !isActive(job.state));
  const ended = jobs.filter((job) => job.state === "failed" || job.state === "stopped");
  return (
    <>
      {of.jobs.map((id) => <Watch key={id} id={id} />)}
      {!isOver && jobs.length > 0 && (
        <>
          <Progress value={sum.total > 0 ? sum.done / sum.total : null} label="Taking in" />
          <p class="muted num">Taken in: {count(sum.done)} of {countOf(Math.max(sum.total, of.files - of.known), "file")}</p>
        </>
      )}
      {ended.map((job) => (
        <div class="stack small" key={job.id}>
          {job.state === "failed" ? <JobError job={job} /> : <JobProgress job={job} />}
          <div class="row"><JobButtons job={job} small /></div>
        </div>
      ))}
      {isOver && ended.length === 0 && <TakenReport of={sum} known={of.known} />}
    </>
  );
}

const SAID: Record<Phase, string> = {
  sending: "Sending",
  pausing: "The server does not answer; trying again. Sent so far of",
  offline: "Sent so far of",
  failed: "Sent so far of",
  taking: "Sent. The captions follow when the images are in. Sent of",
  done: "Sent",
};

function UploadState({ datasetId, of }: { datasetId: string; of: Upload }) {
  const fraction = of.total_bytes > 0 ? of.sent_bytes / of.total_bytes : 0;
  return (
    <div class="stack small" aria-live="polite">
      {of.phase !== "done" && (
        <>
          <Progress value={fraction} label="Upload" />
          <p class="muted num">
            {SAID[of.phase]} {countOf(of.files, "file")}: {bytes(of.sent_bytes)} of {bytes(of.total_bytes)}
            {of.known > 0 && `, ${count(of.known)} were there already`}
          </p>
        </>
      )}
      {of.phase === "offline" && (
        <Notice>
          <p>The connection was lost. What has arrived is safe and is not sent again.</p>
          <div class="row">
            <Button small kind="primary" icon={Play} onClick={() => void resumeUpload(datasetId)}>Resume upload</Button>
            <Button small onClick={() => forgetUpload(datasetId)}>Drop the rest</Button>
          </div>
        </Notice>
      )}
      {of.phase === "failed" && of.error && (
        <ErrorState problem={of.error} datasetId={datasetId} onRetry={() => void resumeUpload(datasetId)} />
      )}
      <Taking of={of} />
    </div>
  );
}

function Picker({ name, isFolder, onFiles }: { name: string; isFolder?: boolean; onFiles: (files: PickedFile[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const folder = isFolder ? { webkitdirectory: true } : { accept: "image/*,.zip,application/zip,.txt,.caption,.csv,.jsonl" };
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
          onFiles(pickedFiles(event.currentTarget.files ?? []));
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
  const send = (files: PickedFile[]) => {
    if (files.length > 0 && !isSending(upload)) void uploadImages(datasetId, files);
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
          <p>Drop images, folders or a zip here. Captions in .txt files beside the images come along.</p>
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
