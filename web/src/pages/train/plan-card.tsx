import { Spark } from "../../charts/spark";
import type { TrainPlan } from "../../api/types";
import { Card } from "../../design/card";
import { ErrorState, Notice, Skeleton } from "../../design/states";
import type { Resource } from "../../state/resource";
import { count, countOf, duration, rate } from "../../text/format";

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
  const where = plan.device.startsWith("cuda") ? "on the GPU" : "on the CPU";
  const memory = plan.device.startsWith("cuda") ? "GPU memory" : "memory";
  return (
    <div class="plan-figures">
      <div><b>{count(plan.steps)}</b><span>steps, {count(plan.steps_per_epoch)} an epoch</span></div>
      <div><b>{plan.estimated_s === null ? "-" : `~ ${duration(plan.estimated_s)}`}</b><span>{plan.estimated_s === null ? `time unknown ${where}` : where}</span></div>
      <div><b>{plan.memory_gb === null ? "-" : `${plan.memory_gb.toFixed(1)} GB`}</b><span>{memory}</span></div>
    </div>
  );
}

/** What a run would do, before it starts. */
export function PlanCard({ plan, latest, datasetId }: { plan: Resource<TrainPlan>; latest: TrainPlan | undefined; datasetId: string }) {
  if (plan.error && (!latest || plan.error.code === "no_split" || plan.error.code === "no_captions")) {
    return <Card title="Before the start"><ErrorState problem={plan.error} datasetId={datasetId} onRetry={plan.reload} /></Card>;
  }
  return (
    <Card title="Before the start">
      {latest ? (
        <div class={plan.loading ? "stack plan updating" : "stack plan"} aria-live="polite">
          <Figures plan={latest} />
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
