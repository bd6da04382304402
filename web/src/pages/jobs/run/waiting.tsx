import type { Job } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { useQueue } from "../../../state/jobs/live-queues";
import { expectedText, placeText } from "../../../text/jobs/queue-words";

/** Where a waiting job stands in its queue, why it waits, and when it is expected to begin and to end. */
export function Waiting({ job }: { job: Job }) {
  useQueue(job.queue);
  const expected = expectedText(job);
  return (
    <div class="run-waiting">
      <p>{placeText(job)}</p>
      <p class="muted num">{expected || "When it begins is told once the runs before it were measured."}</p>
      <div class="row"><Button small href="/jobs">Show the queue</Button></div>
    </div>
  );
}
