import type { TrainPlan } from "../../../api/training";
import { Spark } from "../../../charts/spark";
import { Card } from "../../../design/card";
import { ErrorState, Notice, Skeleton } from "../../../design/states";
import { When } from "../../../design/when";
import { runPath } from "../../../routing/routes";
import type { Resource } from "../../../state/resource";
import { count, countOf, duration, rate } from "../../../text/format";
import { Measure } from "./measure";
import { guideText, isOnGpu, placeOf } from "./plan-words";

function Curve({ plan }: { plan: TrainPlan }) {
  if (plan.lr_curve.length < 2) return null;
  const peak = Math.max(...plan.lr_curve.map(([, lr]) => lr));
  return (
    <div class="plan-curve">
      <h3>Learning rate</h3>
      <Spark points={plan.lr_curve} name={`A curve over ${count(plan.steps)} steps: up to ${rate(peak)}, then down.`} />
      <div class="row spread num">
        <span>step 0</span>
        <span>peak {rate(peak)}</span>
        <span>step {count(plan.steps)}</span>
      </div>
    </div>
  );
}

function Figures({ plan }: { plan: TrainPlan }) {
  const { estimated_s, memory_gb } = plan;
  return (
    <div class="plan-figures">
      <div><b>{count(plan.steps)}</b><span>steps, {count(plan.steps_per_epoch)} an epoch</span></div>
      <div><b>{estimated_s === null ? "-" : `~ ${duration(estimated_s)}`}</b><span>{estimated_s === null ? `time unknown ${placeOf(plan)}` : placeOf(plan)}</span></div>
      <div><b>{memory_gb === null ? "-" : `${memory_gb.toFixed(1)} GB`}</b><span>{isOnGpu(plan) ? "GPU memory" : "memory"}</span></div>
    </div>
  );
}

/** What the time was told by, and what the guide says. */
function Sources({ plan }: { plan: TrainPlan }) {
  const { estimated_from: from, guide, memory_note } = plan;
  return (
    <div class="plan-sources">
      {from && (
        <p>
          Measured {from.source === "probe" ? "by " : "in "}
          <a href={runPath(from.job_id)}>{from.source === "probe" ? "a short probe" : "a run"}</a> <When at={from.at} />
          {from.device ? `, on ${from.device}` : ""}.
        </p>
      )}
      {guide && <p>{guideText(guide)}</p>}
      {memory_note && <p>{memory_note}</p>}
    </div>
  );
}

interface PlanCardProps {
  plan: Resource<TrainPlan>;
  latest: TrainPlan | undefined;
  datasetId: string;
  /** The params of a run as the form stands now; null while they do not fit. */
  params: Record<string, unknown> | null;
}

/** What a run would do, before it starts. */
export function PlanCard({ plan, latest, datasetId, params }: PlanCardProps) {
  if (plan.error && (!latest || plan.error.code === "no_split" || plan.error.code === "no_captions")) {
    return <Card title="Before the start"><ErrorState problem={plan.error} datasetId={datasetId} onRetry={plan.reload} /></Card>;
  }
  return (
    <Card title="Before the start">
      {latest ? (
        <div class="stack">
          <div class={plan.loading ? "stack plan updating" : "stack plan"} aria-live="polite">
            <Figures plan={latest} />
            <Sources plan={latest} />
          </div>
          <Measure datasetId={datasetId} params={params} isKnown={latest.estimated_s !== null} onMeasured={plan.reload} />
          <p class="muted">
            {countOf(latest.rows, "row")} of {countOf(latest.images, "image")} to train on, {countOf(latest.val_images, "image")} to measure with.
          </p>
          <Curve plan={latest} />
          {latest.warnings.map((text) => <Notice key={text}>{text}</Notice>)}
          {plan.error && <ErrorState problem={plan.error} datasetId={datasetId} onRetry={plan.reload} />}
        </div>
      ) : (
        <Skeleton heights={[48, 20, 84]} />
      )}
    </Card>
  );
}
