import { Pause, Play } from "lucide-preact";
import { useState } from "preact/hooks";
import { type Queue, resumeQueue } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { ErrorState, Loaded, Notice } from "../../../design/states";
import { touchQueue, useQueue } from "../../../state/jobs/live-queues";
import { type Resource, useAction } from "../../../state/resource";
import { countOf } from "../../../text/format";
import { pausedText, queueText, queueWord } from "../../../text/jobs/queue-words";
import { PauseDialog } from "./pause-dialog";
import { RunningItem } from "./queue-item";
import { WaitingList } from "./waiting-list";
import "./queue.css";

/** "2 running, 3 waiting, 1 worker". */
function summary(queue: Queue): string {
  const { running, waiting, workers } = queue;
  if (running.length + waiting.length === 0) return "Nothing runs or waits.";
  return `${running.length} running, ${waiting.length} waiting, ${countOf(workers, "worker")}.`;
}

function PauseButton({ queue, onChanged }: { queue: Queue; onChanged: (queue: Queue) => void }) {
  const [isAsking, setAsking] = useState(false);
  const resume = useAction(async () => onChanged(await resumeQueue(queue.name)));
  if (!queue.may_pause) return null;
  return (
    <>
      {queue.paused ? (
        <Button small kind="primary" icon={Play} busy={resume.busy} onClick={() => resume.run()}>Resume queue</Button>
      ) : (
        <Button small icon={Pause} onClick={() => setAsking(true)}>Pause queue</Button>
      )}
      {resume.error && <ErrorState problem={resume.error} onRetry={() => resume.run()} />}
      {isAsking && <PauseDialog name={queue.name} onClose={() => setAsking(false)} onPaused={onChanged} />}
    </>
  );
}

const isQuiet = (queue: Queue): boolean => !queue.paused && queue.running.length + queue.waiting.length + queue.others === 0;

function Content({ queue, of }: { queue: Queue; of: Resource<Queue> }) {
  if (isQuiet(queue) && !of.error) return null;
  return (
    <div class="stack small">
      {queue.paused && <Notice>{pausedText(queue)}</Notice>}
      {of.error && <Notice>{of.error.message} What is shown may be old.</Notice>}
      {queue.running.length > 0 && (
        <ul class="queue-list" aria-label={`Running on the ${queueWord(queue.name)}`}>
          {queue.running.map((job) => <RunningItem key={job.id} job={job} />)}
        </ul>
      )}
      {queue.waiting.length > 0 && <WaitingList queue={queue} onMoved={(waiting) => of.set({ ...queue, waiting })} onFailed={of.reload} />}
      {queue.others > 0 && <p class="muted">And {countOf(queue.others, "job")} of datasets that you do not see.</p>}
      {queue.workers === 0 && queue.waiting.length > 0 && <Notice>No worker serves this queue. Jobs wait until one is started.</Notice>}
    </div>
  );
}

/** A queue in the order in which it will run; who may, moves what waits and pauses it. */
export function QueueCard({ name }: { name: string }) {
  const queue = useQueue(name);
  const changed = (now: Queue) => {
    queue.set(now);
    touchQueue(name);
  };
  const head = queue.data;
  return (
    <Card
      title={queueWord(name)}
      text={head ? `${queueText(name)} ${summary(head)}` : queueText(name)}
      beside={head && <div class="row"><PauseButton queue={head} onChanged={changed} /></div>}
    >
      <Loaded of={queue} heights={[44]}>{(data) => <Content queue={data} of={queue} />}</Loaded>
    </Card>
  );
}
