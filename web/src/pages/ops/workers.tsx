import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { getSystem, getWorkers, type System } from "../../api/ops";
import { Card, Facts } from "../../design/card";
import { PageHead } from "../../design/page-head";
import { Progress } from "../../design/progress";
import { StateBadge } from "../../design/state-badge";
import { Loaded, Notice } from "../../design/states";
import { Table } from "../../design/table";
import { When } from "../../design/when";
import { useResource } from "../../state/resource";
import { useTitle } from "../../state/title";
import { backupWord } from "../../text/backup-words";
import { count, percent } from "../../text/format";
import type { StateWord } from "../../text/tone";
import { BackupsCard } from "./backups";
import { QueueHistory } from "./fleet/queue-history";
import { QueueTable } from "./fleet/queue-table";
import { WorkerTable } from "./fleet/worker-table";
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
  const { store, database, redis, disk, backup } = system;
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
      {backup && (
        <div class="service">
          <h3>Backup</h3>
          <StateBadge state={backupWord(backup)} />
          <small>{backup.whole && <>whole <When at={backup.whole.finished_at} /></>}</small>
        </div>
      )}
    </div>
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
  const workers = useResource((stop) => getWorkers(stop), []);
  const reload = () => {
    system.reload();
    workers.reload();
  };
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
            <Card title="Workers">
              <Loaded of={workers} heights={[200]}>
                {({ items, may_steer }) => <WorkerTable workers={items} maySteer={may_steer} onChanged={workers.reload} />}
              </Loaded>
            </Card>
            <Card title="Queues"><QueueTable queues={data.queues} /></Card>
            <div class="columns">
              <Card title="What waited"><QueueHistory names={data.queues.map((queue) => queue.name)} /></Card>
              <div class="stack">
                {data.backup && <BackupsCard backups={data.backup} />}
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
