import { Gauge, Pause, Play } from "lucide-preact";
import { useState } from "preact/hooks";
import { limitQueue, type Queue, resumeQueue } from "../../../api/jobs";
import type { System } from "../../../api/ops";
import { Button } from "../../../design/button";
import { FormDialog } from "../../../design/dialog";
import { Select, TextField } from "../../../design/field";
import { StateBadge } from "../../../design/state-badge";
import { ErrorState } from "../../../design/states";
import { Table } from "../../../design/table";
import { touchQueue, useQueue } from "../../../state/jobs/live-queues";
import { useAction } from "../../../state/resource";
import { count } from "../../../text/format";
import { kindsOfQueue, kindWord } from "../../../text/jobs/job-kinds";
import { pausedText, queueWord } from "../../../text/jobs/queue-words";
import type { StateWord } from "../../../text/tone";
import { PauseDialog } from "../../jobs/queue/pause-dialog";

const OPEN: StateWord = { tone: "done", word: "Open" };
const PAUSED: StateWord = { tone: "waiting", word: "Paused" };

const limitText = ({ kind, most }: Queue["limits"][number]): string => `${kind ? kindWord(kind) : "In all"}: at most ${count(most)} at once.`;

function LimitDialog({ queue, onClose, onSet }: { queue: Queue; onClose: () => void; onSet: (queue: Queue) => void }) {
  const [kind, setKind] = useState("");
  const known = queue.limits.find((one) => one.kind === kind)?.most;
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? (known === undefined ? "" : String(known));
  const isFit = /^\d{0,4}$/.test(text.trim());
  const set = useAction(async () => {
    onSet(await limitQueue(queue.name, kind, text.trim() === "" ? null : Number(text)));
    onClose();
  });
  const kinds = kindsOfQueue(queue.name).map((name) => ({ value: name, label: kindWord(name) }));
  return (
    <FormDialog title={`Limit the ${queueWord(queue.name)}`} verb="Set limit" busy={set.busy} error={set.error} onClose={onClose} onSubmit={() => isFit && set.run()}>
      <p>At most so many jobs run at once, over all workers. What runs goes on.</p>
      <Select
        label="Which jobs" value={kind} options={[{ value: "", label: "All kinds together" }, ...kinds]}
        onChange={(value) => {
          setKind(value);
          setTyped(null);
        }}
      />
      <TextField label="At most" value={text} onInput={setTyped} numeric autofocus hint="Empty: as many as there are workers." error={isFit ? undefined : "A whole number, or nothing."} />
    </FormDialog>
  );
}

function Steering({ queue, onChanged }: { queue: Queue; onChanged: (queue: Queue) => void }) {
  const [shown, setShown] = useState<"pause" | "limit" | null>(null);
  const resume = useAction(async () => onChanged(await resumeQueue(queue.name)));
  const close = () => setShown(null);
  return (
    <div class="worker-actions" role="group" aria-label={queueWord(queue.name)}>
      {queue.paused ? (
        <Button small kind="quiet" icon={Play} label={`Resume the ${queueWord(queue.name)}`} title="Resume" busy={resume.busy} onClick={() => resume.run()} />
      ) : (
        <Button small kind="quiet" icon={Pause} label={`Pause the ${queueWord(queue.name)}`} title="Pause" onClick={() => setShown("pause")} />
      )}
      <Button small kind="quiet" icon={Gauge} label={`Limit the ${queueWord(queue.name)}`} title="Limit" onClick={() => setShown("limit")} />
      {resume.error && <ErrorState problem={resume.error} onRetry={() => resume.run()} />}
      {shown === "pause" && <PauseDialog name={queue.name} onClose={close} onPaused={onChanged} />}
      {shown === "limit" && <LimitDialog queue={queue} onClose={close} onSet={onChanged} />}
    </div>
  );
}

/** Whether a queue gives out work, who paused it and why, and its limits. */
function SteeredRow({ load }: { load: System["queues"][number] }) {
  const resource = useQueue(load.name);
  const queue = resource.data;
  const changed = (now: Queue) => {
    resource.set(now);
    touchQueue(load.name);
  };
  return (
    <tr>
      <th scope="row"><a href="/jobs">{load.name}</a></th>
      <td>
        <div class="queue-state">
          <StateBadge state={queue?.paused ? PAUSED : OPEN} />
          {queue?.paused && <small>{pausedText(queue)}</small>}
          {queue?.limits.map((limit) => <small key={limit.kind}>{limitText(limit)}</small>)}
        </div>
      </td>
      <Figures load={load} />
      <td>{queue?.may_pause && <Steering queue={queue} onChanged={changed} />}</td>
    </tr>
  );
}

function Figures({ load }: { load: System["queues"][number] }) {
  return (
    <>
      <td class="num right">{count(load.depth)}</td>
      <td class="num right">{count(load.running)}</td>
      <td class="num right">{count(load.workers)}</td>
    </>
  );
}

const STEERED = ["gpu", "cpu"];

export function QueueTable({ queues }: { queues: System["queues"] }) {
  const columns = [{ title: "Queue" }, { title: "State" }, { title: "Waiting", right: true }, { title: "Running", right: true }, { title: "Workers", right: true }, { title: "Actions", isUnseen: true }];
  return (
    <Table name="Queues" columns={columns}>
      {queues.map((load) =>
        STEERED.includes(load.name) ? (
          <SteeredRow key={load.name} load={load} />
        ) : (
          <tr key={load.name}>
            <th scope="row">{load.name}</th>
            <td><StateBadge state={OPEN} /></td>
            <Figures load={load} />
            <td />
          </tr>
        ),
      )}
    </Table>
  );
}
