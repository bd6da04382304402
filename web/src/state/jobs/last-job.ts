import { useEffect } from "preact/hooks";
import { type Job, listJobs } from "../../api/jobs";
import { datasetVersion } from "../datasets/live-datasets";
import { useResource } from "../resource";
import { acceptJob, activeJobs, useJob } from "./live-jobs";

export interface LastJob {
  /** The one that waits or runs, else the newest one. */
  job: Job | undefined;
  isLoading: boolean;
  reload: () => void;
}

/** The newest job of a kind of a dataset, kept current. */
export function useLastJob(datasetId: string, kind: string): LastJob {
  const found = useResource((stop) => listJobs({ dataset_id: datasetId, kind, limit: 1 }, stop), [datasetId, kind], datasetVersion(datasetId));
  const newest = found.data?.items[0];
  useEffect(() => {
    if (newest) acceptJob(newest);
  }, [newest]);
  const active = activeJobs.value.find((job) => job.dataset_id === datasetId && job.kind === kind);
  const live = useJob(active?.id ?? newest?.id);
  return { job: live ?? active ?? newest, isLoading: found.loading && !found.data, reload: found.reload };
}
