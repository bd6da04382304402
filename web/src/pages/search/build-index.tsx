import { Waypoints } from "lucide-preact";
import { startJob } from "../../api/jobs";
import type { IndexInfo } from "../../api/search";
import { Button } from "../../design/button";
import { Card } from "../../design/card";
import { EmptyState, ErrorState, Notice } from "../../design/states";
import { useLastJob } from "../../state/jobs/last-job";
import { acceptJob, activeJobs } from "../../state/jobs/live-jobs";
import { needs } from "../../state/people/roles";
import { useAction } from "../../state/resource";
import { JobWatch } from "../jobs/controls/job-watch";

interface BuildIndexProps {
  datasetId: string;
  model: string;
  index: IndexInfo | undefined;
}

/** Builds the index of a model where there is none, or where it is out of date. */
export function BuildIndex({ datasetId, model, index }: BuildIndexProps) {
  const build = useAction(async () => void acceptJob(await startJob(datasetId, "index", { model })));
  const last = useLastJob(datasetId, "index").job;
  const running = activeJobs.value.find((job) => job.kind === "index" && job.dataset_id === datasetId && job.params.model === model);
  const failed = last?.state === "failed" && last.params.model === model ? last : undefined;
  const watched = running ?? failed;
  const button = (kind: "primary" | "secondary") => (
    <Button kind={kind} icon={Waypoints} busy={build.busy} {...needs(datasetId, "manager")} onClick={() => build.run()}>Build index</Button>
  );
  const problem = build.error && <ErrorState problem={build.error} datasetId={datasetId} onRetry={() => build.run()} />;
  if (running) return <Card title="Building the index"><JobWatch id={running.id} /></Card>;
  if (index?.stale) {
    return <div class="stack small"><Notice><span class="row">Images were added since this index was built. {button("secondary")}</span></Notice>{problem}</div>;
  }
  if (index) return null;
  return (
    <EmptyState icon={Waypoints} title="This model has no index here yet" text="An index holds the model's view of every image. It is built once, then each search takes milliseconds.">
      {button("primary")}
      {problem}
      {watched && <JobWatch id={watched.id} />}
    </EmptyState>
  );
}
