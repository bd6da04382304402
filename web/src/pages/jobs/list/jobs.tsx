import { ListChecks } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { type Job, type JobList, listJobs } from "../../../api/jobs";
import { enterRoom } from "../../../api/socket";
import { Button } from "../../../design/button";
import { PageHead } from "../../../design/page-head";
import { StateBadge } from "../../../design/state-badge";
import { EmptyState, Loaded } from "../../../design/states";
import { Table } from "../../../design/table";
import { Tabs } from "../../../design/tabs";
import { When } from "../../../design/when";
import { datasetPath, runPath } from "../../../routing/routes";
import { datasetName } from "../../../state/datasets/dataset-names";
import { activeJobs, jobById } from "../../../state/jobs/live-jobs";
import { type Resource, useResource } from "../../../state/resource";
import { useTitle } from "../../../state/title";
import { isActive, jobTitle, jobWord } from "../../../text/jobs/job-words";
import { JobButtons } from "../controls/job-buttons";
import { JobProgress } from "../controls/job-progress";
import { QueueCard } from "../queue/queue-card";
import "./jobs.css";

type Shown = "all" | "active" | "failed";
const TABS: { value: Shown; label: string }[] = [
  { value: "all", label: "All" },
  { value: "active", label: "Active" },
  { value: "failed", label: "Failed" },
];
const COLUMNS = [
  { title: "Job" },
  { title: "State" },
  { title: "Progress" },
  { title: "Started by" },
  { title: "Created" },
  { title: "Actions", isUnseen: true },
];

function JobRow({ id, fetched }: { id: string; fetched: Job | undefined }) {
  const job = jobById(id) ?? fetched;
  if (!job) return null;
  return (
    <tr>
      <th scope="row">
        <div class="jobs-title">
          <a href={runPath(job.id)}>{jobTitle(job)}</a>
          {job.dataset_id && <small>on <a href={datasetPath(job.dataset_id)}>{datasetName(job.dataset_id)}</a></small>}
        </div>
      </th>
      <td><StateBadge state={jobWord(job.state)} /></td>
      <td><div class="jobs-progress">{job.error ? <span class="muted">{job.error.message}</span> : <JobProgress job={job} />}</div></td>
      <td>{job.created_by}</td>
      <td><When at={job.created_at} /></td>
      <td><div class="jobs-actions"><JobButtons job={job} small /></div></td>
    </tr>
  );
}

/** The ids to show: what is active and was not in the last answer comes first. */
function idsOf(shown: Shown, fetched: Job[]): string[] {
  const known = new Set(fetched.map((job) => job.id));
  const fresh = activeJobs.value.filter((job) => !known.has(job.id)).map((job) => job.id).reverse();
  const all = [...(shown === "failed" ? [] : fresh), ...fetched.map((job) => job.id)];
  if (shown !== "active") return all;
  return all.filter((id) => isActive(jobById(id)?.state ?? "queued"));
}

/** What is listed below the queues. */
function AllJobs({ jobs, shown }: { jobs: Resource<JobList>; shown: Shown }) {
  return (
    <Loaded of={jobs} heights={[48, 48, 48, 48]}>
      {({ items }) => {
        const ids = idsOf(shown, items);
        if (ids.length === 0) {
          return (
            <EmptyState icon={ListChecks} title={shown === "all" ? "No job yet" : "No such job"} text="Uploads, splits, trainings and indexes run as jobs and are listed here.">
              <Button href="/">Go to datasets</Button>
            </EmptyState>
          );
        }
        return <Table name="Jobs" columns={COLUMNS}>{ids.map((id) => <JobRow key={id} id={id} fetched={items.find((job) => job.id === id)} />)}</Table>;
      }}
    </Loaded>
  );
}

/** The queues in the order in which they will run, then all jobs, newest first; live. */
export function JobsPage() {
  useTitle("Jobs");
  const [shown, setShown] = useState<Shown>("all");
  useEffect(() => enterRoom("jobs"), []);
  const jobs = useResource((stop) => listJobs({ state: shown === "all" ? undefined : shown, limit: 100 }, stop), [shown], activeJobs.value.length);
  return (
    <>
      <PageHead title="Jobs" text="What waits, runs and ended. Work goes on when this page is closed." />
      <div class="stack">
        <QueueCard name="gpu" />
        <QueueCard name="cpu" />
        <div class="row spread jobs-head">
          <h2>All jobs</h2>
          <Tabs name="Jobs shown" value={shown} tabs={TABS} onChange={setShown} />
        </div>
        <AllJobs jobs={jobs} shown={shown} />
      </div>
    </>
  );
}
