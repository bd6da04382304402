import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { getSystem, type System, type Worker } from "../../api/ops";
import { Card, Facts } from "../../design/card";
import { Chip } from "../../design/chip";
import { PageHead } from "../../design/page-head";
import { Progress } from "../../design/progress";
import { StateBadge } from "../../design/state-badge";
import { Loaded, Notice } from "../../design/states";
import { Table } from "../../design/table";
import { When } from "../../design/when";
import { runPath } from "../../routing/routes";
import { jobById } from "../../state/jobs/live-jobs";
import { useQueue } from "../../state/jobs/live-queues";
import { useResource } from "../../state/resource";
import { useTitle } from "../../state/title";
import { count, percent } from "../../text/format";
import { kindWord } from "../../text/jobs/job-kinds";
import { pausedText } from "../../text/jobs/queue-words";
import type { StateWord } from "../../text/tone";
import "./workers.css";

const EVERY_MS = 3000;
const UP: StateWord = { tone: "done", word: "Works" };
const DOWN: StateWord = { tone: "failed", word: "Does not answer" };

function Service({ name, ok, children }: { name: string; ok: boolean; children?: ComponentChildren }) {
  return (
    <div class="service">
      <h3>{name}</h3>
      <StateBadge state={ok ? UP : DOWN} />
      <small>{children}</small>
    </div>
  );
}

function Services({ system }: { system: System }) {
  const { store, database, redis, disk } = system;
  const isFull = disk.total_gb > 0 && disk.free_gb / disk.total_gb < 0.05;
  return (
    <div class="services">
      <Service name="Database" ok={database.ok}>{database.kind}</Service>
      <Service name="Queue" ok={redis.ok}>{[redis.server, redis.detail].filter(Boolean).join(", ")}</Service>
      <Service name="Artifact store" ok={store.ok}>{[store.kind, store.detail].filter(Boolean).join(", ")}</Service>
      <div class="service">
        <h3>Disk</h3>
        <StateBadge state={isFull ? { tone: "failed", word: "Almost full" } : UP} />
        <small class="num">{count(disk.free_gb)} GB free of {count(disk.total_gb)} GB</small>
      </div>
    </div>
  );
}

function stateOf(worker: Worker): StateWord {
  if (worker.state !== "online") return { tone: "failed", word: "Offline" };
  return worker.active.length > 0 ? { tone: "running", word: "Busy" } : { tone: "done", word: "Free" };
}

/** "Train", "Train on 2 GPUs". */
function workText({ job_id, kind }: Worker["active"][number]): string {
  const gpus = Number((job_id ? jobById(job_id) : undefined)?.params.gpus ?? 1);
  return gpus > 1 ? `${kindWord(kind)} on ${gpus} GPUs` : kindWord(kind);
}

/** With its page where the person sees it. */
function workOf(job: Worker["active"][number]) {
  return job.job_id ? <a key={job.job_id} href={runPath(job.job_id)}>{workText(job)}</a> : <span>{workText(job)}</span>;
}

function Workers({ workers }: { workers: Worker[] }) {
  if (workers.length === 0) return <Notice>No worker answers. Jobs wait until one is started.</Notice>;
  return (
    <Table name="Workers" columns={[{ title: "Worker" }, { title: "State" }, { title: "Queues" }, { title: "Works on" }, { title: "Since" }]}>
      {workers.map((worker) => (
        <tr key={worker.name}>
          <th scope="row">{worker.name}</th>
          <td><StateBadge state={stateOf(worker)} /></td>
          <td><span class="row">{worker.queues.map((queue) => <Chip key={queue}>{queue}</Chip>)}</span></td>
          <td>{worker.active.length === 0 ? <span class="muted">-</span> : <span class="row">{worker.active.map(workOf)}</span>}</td>
          <td><When at={worker.started_at} /></td>
        </tr>
      ))}
    </Table>
  );
}

const OPEN: StateWord = { tone: "done", word: "Open" };
const PAUSED: StateWord = { tone: "waiting", word: "Paused" };

/** Whether a queue gives out work; who paused it and why. */
function QueueState({ name }: { name: string }) {
  const queue = useQueue(name).data;
  if (!queue) return <span class="muted">-</span>;
  return (
    <div class="queue-state">
      <StateBadge state={queue.paused ? PAUSED : OPEN} />
      {queue.paused && <small>{pausedText(queue)}</small>}
    </div>
  );
}

const STEERED = ["gpu", "cpu"];

function Queues({ queues }: { queues: System["queues"] }) {
  return (
    <Table name="Queues" columns={[{ title: "Queue" }, { title: "State" }, { title: "Waiting", right: true }, { title: "Running", right: true }, { title: "Workers", right: true }]}>
      {queues.map((queue) => (
        <tr key={queue.name}>
          <th scope="row">{STEERED.includes(queue.name) ? <a href="/jobs">{queue.name}</a> : queue.name}</th>
          <td>{STEERED.includes(queue.name) ? <QueueState name={queue.name} /> : <StateBadge state={OPEN} />}</td>
          <td class="num right">{count(queue.depth)}</td>
          <td class="num right">{count(queue.running)}</td>
          <td class="num right">{count(queue.workers)}</td>
        </tr>
      ))}
    </Table>
  );
}

function Gpus({ gpus }: { gpus: System["gpus"] }) {
  if (gpus.length === 0) return <p class="muted">No GPU: the gpu queue runs on the CPU.</p>;
  return (
    <Table name="GPUs" columns={[{ title: "GPU" }, { title: "Memory" }, { title: "Busy", right: true }]}>
      {gpus.map((gpu) => (
        <tr key={gpu.index}>
          <th scope="row">{gpu.index}: {gpu.name}</th>
          <td>
            <div class="gpu-meter">
              <Progress value={gpu.used_gb === null ? 0 : gpu.used_gb / gpu.memory_gb} label={`Memory of GPU ${gpu.index}`} />
              <span class="num muted">{gpu.used_gb?.toFixed(1) ?? "-"} of {gpu.memory_gb.toFixed(1)} GB</span>
            </div>
          </td>
          <td class="num right">{gpu.utilisation === null ? "-" : percent(gpu.utilisation > 1 ? gpu.utilisation / 100 : gpu.utilisation)}</td>
        </tr>
      ))}
    </Table>
  );
}

function About({ system }: { system: System }) {
  const versions = Object.entries(system.versions).map(([name, version]) => [name, version] as [string, ComponentChildren]);
  return (
    <Card title="Versions">
      <Facts of={[["CLIP Browser", system.version], ["stack", system.stack], ["device", system.device], ...versions]} />
      {system.tensorboard.url && <p><a href={system.tensorboard.url} target="_blank" rel="noreferrer">Open TensorBoard</a></p>}
    </Card>
  );
}

/** Workers, queues, GPUs, and what they stand on. */
export function WorkersPage() {
  useTitle("Workers");
  const system = useResource((stop) => getSystem(stop), []);
  const { reload } = system;
  useEffect(() => {
    const timer = window.setInterval(() => document.hidden || reload(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <>
      <PageHead title="Workers" text="Who does the work, what waits, and whether everything it needs is there." />
      <Loaded of={system} heights={[90, 200, 200]}>
        {(data) => (
          <div class="stack">
            {system.error && <Notice>{system.error.message} What is shown may be old.</Notice>}
            <Services system={data} />
            <Card title="Workers"><Workers workers={data.workers} /></Card>
            <div class="columns">
              <Card title="Queues"><Queues queues={data.queues} /></Card>
              <div class="stack">
                <Card title="GPUs"><Gpus gpus={data.gpus} /></Card>
                <About system={data} />
              </div>
            </div>
          </div>
        )}
      </Loaded>
    </>
  );
}
