import { Gauge } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { startProbe } from "../../../api/training";
import { Button } from "../../../design/button";
import { ErrorState } from "../../../design/states";
import { acceptJob, activeJobs, jobById } from "../../../state/jobs/live-jobs";
import { useAction } from "../../../state/resource";
import { JobError } from "../../jobs/controls/job-error";
import { JobWatch } from "../../jobs/controls/job-watch";

interface MeasureProps {
  datasetId: string;
  params: Record<string, unknown> | null;
  isKnown: boolean;
  onMeasured: () => void;
}

/** A few steps on this machine, to know what a run will take; live while they run, also after a reload. */
export function Measure({ datasetId, params, isKnown, onMeasured }: MeasureProps) {
  const [started, setStarted] = useState<string | null>(null);
  const running = activeJobs.value.find((job) => job.kind === "probe" && job.dataset_id === datasetId);
  const id = started ?? running?.id ?? null;
  const job = id === null ? undefined : jobById(id);
  const state = job?.state;
  useEffect(() => {
    if (running && started === null) setStarted(running.id);
    if (state !== "succeeded") return;
    setStarted(null);
    onMeasured();
  }, [running?.id, state]);
  const action = useAction(async () => {
    if (params) setStarted(acceptJob((await startProbe(datasetId, params)).job).id);
  });
  if (running) return <JobWatch id={running.id} />;
  return (
    <div class="stack small">
      {job?.state === "failed" && <JobError job={job} onStarted={(again) => setStarted(again.id)} />}
      {action.error && <ErrorState problem={action.error} datasetId={datasetId} onRetry={() => action.run()} />}
      <div class="row">
        <Button small icon={Gauge} busy={action.busy} disabled={params === null} onClick={() => action.run()}>
          {isKnown ? "Measure again" : "Measure on this machine"}
        </Button>
        {!isKnown && <span class="muted">A few steps tell how long a run takes.</span>}
      </div>
    </div>
  );
}
