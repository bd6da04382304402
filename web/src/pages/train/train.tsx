import { Play } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { getTrainPlan, listModels, startJob } from "../../api/calls";
import type { TrainPlan } from "../../api/types";
import { Button } from "../../design/button";
import { Card } from "../../design/card";
import { ErrorState } from "../../design/states";
import { go } from "../../router";
import { runPath } from "../../routes";
import { learnName } from "../../state/names";
import { PageHead } from "../../shell/shell";
import { datasetVersion, useDataset } from "../../state/datasets";
import { acceptJob } from "../../state/jobs";
import { useAction, useResource } from "../../state/resource";
import { useTitle } from "../../state/title";
import { BLANK, paramsOf, planQuery, problemsOf, type TrainForm } from "./form";
import { MainFields, MoreFields } from "./form-fields";
import { PlanCard } from "./plan-card";
import { Runs } from "./runs";
import "../prepare/prepare.css";
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

/** The form at the left, what it will do at the right, the runs below. */
export function TrainPage({ id }: { id: string }) {
  const dataset = useDataset(id);
  if (dataset.data) learnName(id, dataset.data.name);
  useTitle("Train", dataset.data?.name);
  const [form, setForm] = useState<TrainForm>(BLANK);
  const change = (part: Partial<TrainForm>) => setForm((old) => ({ ...old, ...part }));
  const models = useResource((stop) => listModels(stop), []);
  const { plan, latest } = usePlan(id, form);
  const hasProblems = Object.keys(problemsOf(form)).length > 0;
  const action = useAction(async () => {
    // What the card shows may be older than what was just typed: ask once more.
    const plan = await getTrainPlan(id, planQuery(form));
    const job = acceptJob(await startJob(id, "train", paramsOf(form, plan)));
    go(runPath(job.id));
  });
  const fields = { form, change, plan: latest, models: models.data?.items ?? [] };
  return (
    <>
      <PageHead title="Train" text="Fine-tune a model on your captions. Every field has a value that holds up; change what you like." />
      <div class="stack">
        <div class="columns">
          <Card title="Settings">
            <form
              class="stack train-form"
              onSubmit={(event) => {
                event.preventDefault();
                if (!hasProblems) action.run();
              }}
            >
              <MainFields {...fields} />
              <MoreFields form={form} change={change} />
              {models.error && <ErrorState problem={models.error} onRetry={models.reload} />}
              {action.error && <ErrorState problem={action.error} datasetId={id} onRetry={() => action.run()} />}
              <div class="form-foot">
                <Button kind="primary" type="submit" icon={Play} busy={action.busy} disabled={hasProblems}>Start training</Button>
              </div>
            </form>
          </Card>
          <div class="plan-column">
            <PlanCard plan={plan} latest={latest} datasetId={id} />
          </div>
        </div>
        <Runs datasetId={id} />
      </div>
    </>
  );
}
