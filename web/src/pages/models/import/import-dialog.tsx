import { FileUp } from "lucide-preact";
import { useRef, useState } from "preact/hooks";
import { Button } from "../../../design/button";
import { Dialog } from "../../../design/dialog";
import { TextField } from "../../../design/field";
import { Progress } from "../../../design/progress";
import { ErrorState } from "../../../design/states";
import { acceptJob, useJob } from "../../../state/jobs/live-jobs";
import { useAction } from "../../../state/resource";
import { bytes } from "../../../text/format";
import { JobWatch } from "../../jobs/controls/job-watch";
import { modelPath } from "../list/addresses";
import { sendModel } from "./send-model";

interface Sent {
  done: number;
  total: number;
}

function Sending({ sent }: { sent: Sent }) {
  const isSent = sent.total > 0 && sent.done >= sent.total;
  return (
    <div class="job-progress" role="status">
      <Progress value={sent.total > 0 ? sent.done / sent.total : null} label="Upload" />
      <div class="num"><span>{isSent ? "Sent. The server takes it over." : `${bytes(sent.done)} of ${bytes(sent.total)} sent`}</span></div>
    </div>
  );
}

/** The job of an import to its end, then the way to the model. */
function Importing({ jobId, onAgain, onClose }: { jobId: string; onAgain: () => void; onClose: () => void }) {
  const job = useJob(jobId);
  const modelId = job?.state === "succeeded" && typeof job.result?.model_id === "string" ? job.result.model_id : null;
  const isOver = job?.state === "failed" || job?.state === "stopped";
  return (
    <>
      <div class="stack small" aria-live="polite">
        {modelId ? <p>The model is in the registry.</p> : <JobWatch id={jobId} />}
      </div>
      <div class="dialog-foot">
        {isOver && <Button onClick={onAgain}>Choose another file</Button>}
        <Button onClick={onClose}>Close</Button>
        {modelId && <Button kind="primary" href={modelPath(modelId)} onClick={onClose}>Show model</Button>}
      </div>
    </>
  );
}

/** Takes a zip of a model folder into the registry. While it is sent only "Cancel upload" closes the dialog: what was sent is kept for a while. */
export function ImportDialog({ onClose }: { onClose: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [name, setName] = useState("");
  const [sent, setSent] = useState<Sent | null>(null);
  const [jobId, setJobId] = useState<string | null>(null);
  const stop = useRef(new AbortController());
  const action = useAction(async (file: File) => {
    setSent({ done: 0, total: file.size });
    try {
      const job = await sendModel(file, name.trim(), (done) => setSent({ done, total: file.size }), stop.current.signal);
      setJobId(acceptJob(job).id);
    } finally {
      setSent(null);
    }
  });
  const cancel = () => {
    stop.current.abort();
    onClose();
  };
  return (
    <Dialog title="Import a model" onClose={() => action.busy || onClose()}>
      <p class="muted">A zip of a model folder: <code>open_clip_config.json</code> and <code>open_clip_model.safetensors</code>, as a download from this page holds them.</p>
      {jobId ? (
        <Importing jobId={jobId} onAgain={() => setJobId(null)} onClose={onClose} />
      ) : (
        <>
          <TextField label="Model name" value={name} onInput={setName} maxLength={100} autofocus hint="Leave it empty to keep the name in the file." />
          {sent && <Sending sent={sent} />}
          {action.error && <ErrorState problem={action.error} onRetry={action.clear} />}
          <div class="dialog-foot">
            <Button onClick={cancel}>{action.busy ? "Cancel upload" : "Cancel"}</Button>
            <Button kind="primary" icon={FileUp} busy={action.busy} onClick={() => input.current?.click()}>Choose zip file</Button>
          </div>
        </>
      )}
      <input
        ref={input}
        class="unseen"
        type="file"
        tabIndex={-1}
        aria-label="Model zip file"
        accept=".zip,application/zip"
        onChange={(event) => {
          const [file] = event.currentTarget.files ?? [];
          if (file) action.run(file);
          event.currentTarget.value = "";
        }}
      />
    </Dialog>
  );
}
