import type { Dataset, Step } from "../../../api/datasets";
import type { Job } from "../../../api/jobs";
import type { Model } from "../../../api/models";
import { Button } from "../../../design/button";
import { StateBadge } from "../../../design/state-badge";
import { datasetPath, runPath } from "../../../routing/routes";
import { activeJobs } from "../../../state/jobs/live-jobs";
import { STEP_TITLES, stepWord } from "../../../text/datasets/step-words";
import { percent } from "../../../text/format";
import { STEP_OF_KIND } from "../../../text/jobs/job-kinds";
import { fractionDone, progressText } from "../../../text/jobs/job-words";
import { bestModelFigure, BestModelLine, useModels } from "./best-model";
import "./steps.css";

interface StepAction {
  verb: string;
  href: string;
}

function actionOf(step: Step, dataset: string): StepAction {
  if (step.job_id && (step.state === "running" || step.state === "failed") && step.key === "train") {
    return { verb: step.state === "running" ? "Watch" : "See why", href: runPath(step.job_id) };
  }
  const isDone = step.state === "done";
  switch (step.key) {
    case "images":
      return { verb: "Add images", href: "#add" };
    case "captioned":
      return { verb: isDone ? "Review captions" : "Caption images", href: datasetPath(dataset, "caption") };
    case "split":
      return { verb: step.state === "stale" ? "Split again" : "Split captions", href: datasetPath(dataset, "prepare") };
    case "augment":
      return { verb: step.state === "stale" ? "Augment again" : "Augment", href: `${datasetPath(dataset, "prepare")}#augment` };
    case "train":
      return { verb: isDone || step.state === "stale" ? "Train again" : "Train", href: datasetPath(dataset, "train") };
    case "index":
      return { verb: "Build index", href: datasetPath(dataset, "search") };
    case "search":
      return { verb: "Search", href: datasetPath(dataset, "search") };
  }
}

/** The step as it is this moment: a job that runs tells more than the last fetch. */
function live(step: Step, job: Job | undefined): Step {
  if (!job) return step;
  const fraction = fractionDone(job);
  const figure = job.kind === "train" || fraction === null ? progressText(job) : percent(fraction);
  return { ...step, state: "running", figure: figure || step.figure, job_id: job.id };
}

/** The best model's figure in place of the newest run's, once nothing trains. */
function figureOf(step: Step, dataset: Dataset, models: readonly Model[]): string {
  const best = step.key === "train" && step.state !== "running" ? bestModelFigure(models, dataset) : "";
  return best || step.figure || "-";
}

interface CellProps {
  step: Step;
  dataset: Dataset;
  models: readonly Model[];
  isNext: boolean;
}

function StepCell({ step, dataset, models, isNext }: CellProps) {
  const { verb, href } = actionOf(step, dataset.id);
  const figure = figureOf(step, dataset, models);
  const canAct = isNext || step.state !== "empty";
  return (
    <li class={isNext ? "step next" : "step"} data-state={step.state} aria-current={isNext ? "step" : undefined}>
      <h3>{STEP_TITLES[step.key]}</h3>
      <StateBadge state={stepWord(step.state)} />
      <p class={figure.length > 14 ? "figure long" : "figure"}>{figure}</p>
      <div class="reasons">
        <p class="reason">{step.reason}</p>
        {step.key === "train" && <BestModelLine models={models} dataset={dataset} />}
      </div>
      <div class="act">
        {canAct && <Button small kind={isNext ? "primary" : "secondary"} href={href}>{verb}</Button>}
      </div>
    </li>
  );
}

/** The line of steps: state, one figure and one next action each. */
export function Steps({ dataset }: { dataset: Dataset }) {
  const running = new Map(
    activeJobs.value.filter((job) => job.dataset_id === dataset.id).map((job) => [STEP_OF_KIND.get(job.kind), job] as const),
  );
  const models = useModels(dataset).data?.items ?? [];
  const steps = dataset.steps.map((step) => live(step, running.get(step.key)));
  const isDue = ({ state }: Step) => state === "ready" || state === "stale" || state === "failed";
  const next = steps.find(isDue) ?? steps.find((step) => step.state === "empty");
  return (
    <ol class="steps" aria-label="Steps">
      {steps.map((step) => <StepCell key={step.key} step={step} dataset={dataset} models={models} isNext={step === next} />)}
    </ol>
  );
}
