import { CircleSlash, type LucideIcon, Pause, Play, ScrollText, Square, Trash2, Users } from "lucide-preact";
import { useState } from "preact/hooks";
import { forgetWorker, resizeWorker, steerWorker, type Worker } from "../../../api/ops";
import { Button } from "../../../design/button";
import { Confirm, FormDialog } from "../../../design/dialog";
import { TextField } from "../../../design/field";
import { Notice } from "../../../design/states";
import { useAction } from "../../../state/resource";
import { countOf } from "../../../text/format";
import { onlyHere, type Order, ordersFor, orderText } from "../../../text/worker-words";
import { WorkerLogDialog } from "./worker-log";

const ICONS: Record<Order, LucideIcon> = { drain: CircleSlash, pause: Pause, resume: Play, stop: Square, forget: Trash2 };
const VERBS: Record<Order, string> = { drain: "Drain", pause: "Pause", resume: "Resume", stop: "Stop", forget: "Forget" };

interface OfWorker {
  worker: Worker;
  onClose: () => void;
  onChanged: () => void;
}

/** Asks before a worker takes no more, and says which queues nobody serves then. */
function OrderDialog({ worker, all, order, onClose, onChanged }: OfWorker & { all: Worker[]; order: Order }) {
  const alone = order === "resume" || order === "forget" ? [] : onlyHere(worker, all);
  const act = () => (order === "forget" ? forgetWorker(worker.name) : steerWorker(worker.name, order)).then(onChanged);
  return (
    <Confirm title={`${VERBS[order]} ${worker.name}`} text={orderText(order)} verb={VERBS[order]} onClose={onClose} act={act}>
      {worker.active.length > 0 && order !== "forget" && <p>It works on {countOf(worker.active.length, "job")} now.</p>}
      {alone.length > 0 && <Notice>No other worker takes from {alone.join(", ")}: what comes there waits.</Notice>}
    </Confirm>
  );
}

function SizeDialog({ worker, onClose, onChanged }: OfWorker) {
  const [typed, setTyped] = useState(String(worker.wanted_concurrency ?? worker.concurrency ?? 1));
  const size = Number(typed);
  const isFit = Number.isInteger(size) && size >= 1 && size <= 256;
  const resize = useAction(async () => {
    await resizeWorker(worker.name, size);
    onChanged();
    onClose();
  });
  return (
    <FormDialog title={`Jobs of ${worker.name} at once`} verb="Set" busy={resize.busy} error={resize.error} onClose={onClose} onSubmit={() => isFit && resize.run()}>
      <TextField
        label="Jobs at once" value={typed} onInput={setTyped} numeric autofocus
        hint="Each takes a core and its own memory. It holds when the worker is started anew, too."
        error={isFit ? undefined : "A whole number from 1 to 256."}
      />
    </FormDialog>
  );
}

const mayGrow = (worker: Worker): boolean => worker.pool === "prefork" && !worker.queues.includes("gpu") && worker.state === "online";

/** What may be asked of a worker, and its log. */
export function WorkerActions({ worker, all, onChanged }: { worker: Worker; all: Worker[]; onChanged: () => void }) {
  const [shown, setShown] = useState<Order | "log" | "size" | null>(null);
  const close = () => setShown(null);
  return (
    <div class="worker-actions" role="group" aria-label={worker.name}>
      {ordersFor(worker).map((order) => (
        <Button key={order} small kind="quiet" icon={ICONS[order]} label={`${VERBS[order]} ${worker.name}`} title={VERBS[order]} onClick={() => setShown(order)} />
      ))}
      {mayGrow(worker) && <Button small kind="quiet" icon={Users} label={`Jobs of ${worker.name} at once`} title="Jobs at once" onClick={() => setShown("size")} />}
      <Button small kind="quiet" icon={ScrollText} label={`Log of ${worker.name}`} title="Log" onClick={() => setShown("log")} />
      {shown === "log" && <WorkerLogDialog name={worker.name} onClose={close} />}
      {shown === "size" && <SizeDialog worker={worker} onClose={close} onChanged={onChanged} />}
      {shown !== null && shown !== "log" && shown !== "size" && <OrderDialog worker={worker} all={all} order={shown} onClose={close} onChanged={onChanged} />}
    </div>
  );
}
