import { FileUp } from "lucide-preact";
import { useRef, useState } from "preact/hooks";
import { upload } from "../../../api/http";
import type { Job } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { ErrorState } from "../../../design/states";
import { Table } from "../../../design/table";
import { acceptJob, useJob } from "../../../state/jobs/live-jobs";
import { useAction } from "../../../state/resource";
import { count, countOf } from "../../../text/format";
import { JobError } from "../../jobs/controls/job-error";
import { JobProgress } from "../../jobs/controls/job-progress";

interface ImportResult {
  written?: number;
  unchanged?: number;
  unmatched?: string[];
  unmatched_count?: number;
  rejected?: { line: number | null; name?: string; reason: string }[];
  rejected_count?: number;
}

function Unmatched({ names, total }: { names: string[]; total: number }) {
  return (
    <details>
      <summary>{countOf(total, "name")} without an image</summary>
      <p class="muted">{names.slice(0, 100).join(", ")}{total > names.length ? " and more" : ""}</p>
    </details>
  );
}

function ImportReport({ result }: { result: ImportResult }) {
  const { written = 0, unchanged = 0, unmatched = [], rejected = [] } = result;
  const lost = result.unmatched_count ?? unmatched.length;
  const refused = result.rejected_count ?? rejected.length;
  return (
    <div class="stack small">
      <div class="upload-counts">
        <div><b>{count(written)}</b><span>imported</span></div>
        <div><b>{count(unchanged)}</b><span>unchanged</span></div>
        <div><b>{count(lost)}</b><span>unmatched</span></div>
        <div><b>{count(refused)}</b><span>rejected</span></div>
      </div>
      {lost > 0 && <Unmatched names={unmatched} total={lost} />}
      {rejected.length > 0 && (
        <div class="rejected">
          <Table name="Rejected rows" columns={[{ title: "Line", right: true }, { title: "Name" }, { title: "Reason" }]}>
            {rejected.map((one, index) => (
              <tr key={index}><td class="right num">{one.line || "-"}</td><td>{one.name}</td><td>{one.reason}</td></tr>
            ))}
          </Table>
        </div>
      )}
    </div>
  );
}

function ImportJob({ id }: { id: string }) {
  const job = useJob(id);
  if (!job) return null;
  if (job.state === "succeeded") return <ImportReport result={(job.result ?? {}) as ImportResult} />;
  return job.state === "failed" ? <JobError job={job} /> : <JobProgress job={job} />;
}

function send(datasetId: string, file: File): Promise<{ job: Job }> {
  const form = new FormData();
  form.append("file", file, file.name);
  return upload(`/datasets/${encodeURIComponent(datasetId)}/captions`, form, () => undefined);
}

/** Captions that exist already, out of a table or text files. */
export function ImportCaptions({ datasetId }: { datasetId: string }) {
  const input = useRef<HTMLInputElement>(null);
  const [jobId, setJobId] = useState<string | null>(null);
  const action = useAction(async (file: File) => setJobId(acceptJob((await send(datasetId, file)).job).id));
  return (
    <Card title="Captions from a file" text="CSV with filepath and title (or image and caption), JSONL, or a zip of .txt files, one caption a line. Captions that differ are written over; the history keeps them.">
      <div class="stack small">
        <div class="row">
          <Button icon={FileUp} busy={action.busy} onClick={() => input.current?.click()}>Import captions</Button>
        </div>
        <input
          ref={input}
          class="unseen"
          type="file"
          tabIndex={-1}
          aria-label="Captions file"
          accept=".csv,.tsv,.txt,.caption,.jsonl,.ndjson,.json,.zip"
          onChange={(event) => {
            const [file] = event.currentTarget.files ?? [];
            if (file) action.run(file);
            event.currentTarget.value = "";
          }}
        />
        {action.error && <ErrorState problem={action.error} datasetId={datasetId} onRetry={action.clear} />}
        <div aria-live="polite">{jobId && <ImportJob id={jobId} />}</div>
      </div>
    </Card>
  );
}
