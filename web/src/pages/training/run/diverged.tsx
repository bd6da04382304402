import type { Job } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { copyPath } from "../../../routing/routes";
import { rate } from "../../../text/format";

const LOWER = 3;

interface Details {
  best_epoch?: number | null;
  model_id?: string | null;
}

/** After a loss that became no number: the weights that were kept, and the run again with a lower rate. */
export function Diverged({ job }: { job: Job }) {
  if (job.error?.code !== "training_diverged") return null;
  const { best_epoch: epoch, model_id: model } = (job.error.details ?? {}) as Details;
  const lower = Number(job.params.lr) > 0 ? Number((Number(job.params.lr) / LOWER).toPrecision(2)) : null;
  return (
    <div class="stack small">
      {model && <p>The last good weights{epoch ? `, of epoch ${epoch},` : ""} are kept as a <a href="/models">model</a>.</p>}
      {job.dataset_id && (
        <div class="row">
          <Button small href={copyPath(job.dataset_id, job.id, lower)}>{lower === null ? "Train again with a lower rate" : `Train again with rate ${rate(lower)}`}</Button>
        </div>
      )}
    </div>
  );
}
