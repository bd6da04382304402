import { useState } from "preact/hooks";
import { asApiError } from "../../../api/http";
import { type Job, moveJob, type Queue, setPriority } from "../../../api/jobs";
import { acceptJob, jobById } from "../../../state/jobs/live-jobs";
import { touchQueue } from "../../../state/jobs/live-queues";
import { isAdmin, myName } from "../../../state/people/session";
import { announce, toast } from "../../../state/toasts";
import { jobTitle } from "../../../text/jobs/job-words";
import { beforeAfterStep, beforeForDrop, movable, moved, queueWord } from "../../../text/jobs/queue-words";
import { type DragPhase, WaitingItem } from "./queue-item";

interface WaitingListProps {
  queue: Queue;
  /** Told the order that is shown until the server has answered. */
  onMoved: (waiting: Job[]) => void;
  onFailed: () => void;
}

/** Calls about the order; a refusal is said and the true order shown again. */
function useOrdering({ queue, onMoved, onFailed }: WaitingListProps) {
  const told = async (call: Promise<Job>) => {
    try {
      acceptJob(await call);
    } catch (thrown) {
      const { message, remedy } = asApiError(thrown);
      toast({ tone: "failed", text: `${message} ${remedy}` });
      onFailed();
    } finally {
      touchQueue(queue.name);
    }
  };
  const move = (job: Job, before: string) => {
    const order = moved(queue.waiting, job.id, before);
    onMoved(order);
    announce(`${jobTitle(job)}: place ${order.findIndex((one) => one.id === job.id) + 1} of ${order.length}.`);
    void told(moveJob(job.id, before));
  };
  return { move, prioritise: (job: Job, priority: number) => void told(setPriority(job.id, priority)) };
}

/** The jobs that wait, in the order in which they will start; moved by dragging or with the arrows. */
export function WaitingList(props: WaitingListProps) {
  const { queue } = props;
  const { move, prioritise } = useOrdering(props);
  const [dragged, setDragged] = useState<string | null>(null);
  const [over, setOver] = useState<string | null>(null);
  const admin = isAdmin();
  const movables = movable(queue.waiting, admin, myName());
  const order = queue.waiting.map((one) => one.id);
  const rest = () => {
    setDragged(null);
    setOver(null);
  };
  const drop = (target: string) => {
    const job = movables.find((one) => one.id === dragged);
    const before = job ? beforeForDrop(movables, job.id, target) : null;
    if (job && before !== null) move(job, before);
    rest();
  };
  const drags: Record<DragPhase, (id: string) => void> = { start: setDragged, over: setOver, end: rest, drop };
  return (
    <ol class="queue-list" aria-label={`Waiting in the ${queueWord(queue.name)}`}>
      {queue.waiting.map((one, index) => {
        const live = jobById(one.id);
        const isOver = dragged !== null && dragged !== one.id && over === one.id;
        return (
          <WaitingItem
            key={one.id}
            job={live?.state === "queued" ? live : one}
            place={index + 1}
            isPaused={queue.paused !== null}
            mayMove={movables.includes(one)}
            canUp={beforeAfterStep(movables, one.id, -1) !== null}
            canDown={beforeAfterStep(movables, one.id, 1) !== null}
            isAdmin={admin}
            isDragged={dragged === one.id}
            over={!isOver ? null : order.indexOf(dragged) < index ? "below" : "above"}
            onStep={(step) => move(one, beforeAfterStep(movables, one.id, step) ?? "")}
            onPriority={(priority) => prioritise(one, priority)}
            onDrag={(phase) => drags[phase](one.id)}
          />
        );
      })}
    </ol>
  );
}
