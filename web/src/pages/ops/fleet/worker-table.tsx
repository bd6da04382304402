import type { Worker } from "../../../api/ops";
import { Chip } from "../../../design/chip";
import { StateBadge } from "../../../design/state-badge";
import { Notice } from "../../../design/states";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { runPath } from "../../../routing/routes";
import { jobById } from "../../../state/jobs/live-jobs";
import { ago } from "../../../text/format";
import { kindWord } from "../../../text/jobs/job-kinds";
import { stateText, stateWord } from "../../../text/worker-words";
import { WorkerActions } from "./worker-actions";
import "./fleet.css";

type Run = Worker["active"][number];

/** "Train", "Train on 2 GPUs". */
function workText({ job_id, kind }: Run): string {
  const gpus = Number((job_id ? jobById(job_id) : undefined)?.params.gpus ?? 1);
  return gpus > 1 ? `${kindWord(kind)} on ${gpus} GPUs` : kindWord(kind);
}

/** With its page where the person sees it. */
function Work({ run }: { run: Run }) {
  return (
    <li>
      {run.job_id ? <a href={runPath(run.job_id)}>{workText(run)}</a> : workText(run)}
      {run.since && <small>taken {ago(run.since)}</small>}
      {run.message && <small>{run.message}</small>}
    </li>
  );
}

const isGone = (worker: Worker): boolean => worker.state === "offline";

function Works({ worker }: { worker: Worker }) {
  if (worker.active.length === 0) return <span class="muted">-</span>;
  return (
    <>
      {isGone(worker) && <small>It ran:</small>}
      <ul class="works">{worker.active.map((run, at) => <Work key={run.job_id ?? at} run={run} />)}</ul>
    </>
  );
}

function State({ worker }: { worker: Worker }) {
  const more = stateText(worker);
  return (
    <div class="queue-state">
      <StateBadge state={stateWord(worker)} />
      {more && <small>{more}</small>}
    </div>
  );
}

/** "2 at once", "2, soon 4 at once". */
function sizeText({ concurrency, wanted_concurrency: wanted }: Worker): string {
  if (concurrency === null) return "";
  const soon = wanted !== null && wanted !== concurrency ? `, soon ${wanted}` : "";
  return concurrency === 1 && !soon ? "" : `${concurrency}${soon} at once`;
}

function Row({ worker, all, maySteer, onChanged }: { worker: Worker; all: Worker[]; maySteer: boolean; onChanged: () => void }) {
  const size = sizeText(worker);
  return (
    <tr>
      <th scope="row" class="worker-name">
        {worker.name}
        {worker.gpu && <small>GPU {worker.gpu}</small>}
      </th>
      <td><State worker={worker} /></td>
      <td>
        <span class="row">{worker.queues.map((queue) => <Chip key={queue}>{queue}</Chip>)}</span>
        {size && <small>{size}</small>}
      </td>
      <td><Works worker={worker} /></td>
      <td><When at={worker.started_at} /></td>
      {maySteer && <td><WorkerActions worker={worker} all={all} onChanged={onChanged} /></td>}
    </tr>
  );
}

/** Who is there, who was lost, what each does and since when. */
export function WorkerTable({ workers, maySteer, onChanged }: { workers: Worker[]; maySteer: boolean; onChanged: () => void }) {
  if (workers.length === 0) return <Notice>No worker answers. Jobs wait until one is started.</Notice>;
  const columns = [{ title: "Worker" }, { title: "State" }, { title: "Queues" }, { title: "Works on" }, { title: "Started" }];
  return (
    <Table name="Workers" columns={maySteer ? [...columns, { title: "Actions", isUnseen: true }] : columns}>
      {workers.map((worker) => <Row key={worker.name} worker={worker} all={workers} maySteer={maySteer} onChanged={onChanged} />)}
    </Table>
  );
}
