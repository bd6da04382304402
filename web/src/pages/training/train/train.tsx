import { Play, X } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Job, startJob } from "../../../api/jobs";
import { listModels } from "../../../api/models";
import { getSystem } from "../../../api/ops";
import { cloneJob, getTrainPlan, type Sweep, type TrainPlan } from "../../../api/training";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { PageHead } from "../../../design/page-head";
import { RoleNotice } from "../../../design/role-notice";
import { ErrorState, Skeleton } from "../../../design/states";
import { go, params as address } from "../../../routing/router";
import { datasetPath, runPath } from "../../../routing/routes";
import { rememberDatasetName } from "../../../state/datasets/dataset-names";
import { datasetVersion, useDataset } from "../../../state/datasets/live-datasets";
import { whyICannot } from "../../../state/people/roles";
import { acceptJob } from "../../../state/jobs/live-jobs";
import { useAction, useResource } from "../../../state/resource";
import { useTitle } from "../../../state/title";
import { countOf } from "../../../text/format";
import { jobTitle } from "../../../text/jobs/job-words";
import { changedFields, changedParams } from "./copied-run";
import { paramsOf, planQuery, problemsOf, type TrainForm } from "./form";
import { MainFields, MoreFields } from "./form-fields";
import { PlanCard } from "./plan-card";
import { Runs } from "./runs";
import { SweepButton, SweepStarted } from "./sweep";
import { type FormState, useForm } from "./use-form";
import "../../augment/prepare/prepare.css";
import "./train.css";

const TYPING_MS = 300;

/** A value that follows another one after a pause. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(value), TYPING_MS);
    return () => clearTimeout(timer);
  }, [JSON.stringify(value)]);
  return settled;
}

function usePlan(id: string, form: TrainForm) {
  const query = useSettled(planQuery(form));
  const plan = useResource((stop) => getTrainPlan(id, query, stop), [id, query], datasetVersion(id));
  const latest = useRef<TrainPlan | undefined>(undefined);
  if (plan.data) latest.current = plan.data;
  return { plan, latest: latest.current };
}

/** Queues the run: a copy of another one with what was changed, else a new one. */
async function start(id: string, { form, before, source }: FormState): Promise<Job> {
  // What the card shows may be older than what was just typed: ask once more.
  const plan = await getTrainPlan(id, planQuery(form));
  if (source && before && source.dataset_id === id) return cloneJob(source.id, changedParams(form, before, plan));
  return startJob(id, "train", paramsOf(form, plan));
}

/** Whose settings these are, and how many of them were changed. */
function CopyLine({ source, changed, datasetId }: { source: Job; changed: number; datasetId: string }) {
  return (
    <div class="copy-line">
      <span>
        The settings of <a href={runPath(source.id)}>{jobTitle(source)}</a>
        {changed > 0 ? `, ${countOf(changed, "field")} changed and marked.` : ". What you change is marked."}
      </span>
      <Button small kind="quiet" icon={X} onClick={() => go(datasetPath(datasetId, "train"))}>Start from blank</Button>
    </div>
  );
}

/** The form at the left, what it will do at the right, the runs below. */
export function TrainPage({ id }: { id: string }) {
  const dataset = useDataset(id);
  if (dataset.data) rememberDatasetName(id, dataset.data.name);
  useTitle("Train", dataset.data?.name);
  const models = useResource((stop) => listModels(stop), []);
  const system = useResource((stop) => getSystem(stop), []);
  const state = useForm(models.data?.items);
  const { form, change, before, source, loading } = state;
  const { plan, latest } = usePlan(id, form);
  const [sweep, setSweep] = useState<Sweep | null>(null);
  const hasProblems = Object.keys(problemsOf(form)).length > 0;
  const params = hasProblems || !latest ? null : paramsOf(form, latest);
  const action = useAction(async () => go(runPath(acceptJob(await start(id, state)).id)));
  const fields = { form, change, before };
  const cannot = whyICannot(id, "manager");
  const isCopying = address.value.get("from") !== null;
  return (
    <>
      <PageHead title="Train" text="Fine-tune a model on your captions. Every field has a value that holds up; change what you like." />
      <div class="stack">
        <RoleNotice datasetId={id} needed="manager" />
        <div class="columns">
          <Card title="Settings">
            <form
              class="stack train-form"
              onSubmit={(event) => {
                event.preventDefault();
                if (!hasProblems) action.run();
              }}
            >
              {isCopying && loading.error && <ErrorState problem={loading.error} onRetry={loading.reload} />}
              {isCopying && !source && !loading.error && <Skeleton heights={[24]} />}
              {source && before && <CopyLine source={source} changed={changedFields(form, before).length} datasetId={id} />}
              <MainFields {...fields} plan={latest} models={models.data?.items ?? []} />
              <MoreFields {...fields} system={system.data} />
              {models.error && <ErrorState problem={models.error} onRetry={models.reload} />}
              {action.error && <ErrorState problem={action.error} datasetId={id} onRetry={() => action.run()} />}
              <div class="form-foot">
                <Button kind="primary" type="submit" icon={Play} busy={action.busy} disabled={hasProblems || cannot !== ""} title={cannot || undefined}>Start training</Button>
                <SweepButton datasetId={id} form={form} plan={latest} params={params} onStarted={setSweep} />
              </div>
            </form>
          </Card>
          <div class="plan-column">
            <PlanCard plan={plan} latest={latest} datasetId={id} params={params} />
          </div>
        </div>
        {sweep && <SweepStarted sweep={sweep} />}
        <Runs datasetId={id} />
      </div>
    </>
  );
}
