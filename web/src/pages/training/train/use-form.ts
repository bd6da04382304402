/** The training form and what it began as: blank, a run's settings, or a tuned model to go on from. */
import { useEffect, useState } from "preact/hooks";
import { getJob, type Job } from "../../../api/jobs";
import type { Model } from "../../../api/models";
import { params as address } from "../../../routing/router";
import { acceptJob } from "../../../state/jobs/live-jobs";
import { type Resource, useResource } from "../../../state/resource";
import { plainName } from "../../../text/models/model-choices";
import { formFrom } from "./copied-run";
import { BLANK, type TrainForm } from "./form";

export interface FormState {
  form: TrainForm;
  change: (part: Partial<TrainForm>) => void;
  /** The run that is copied, once it is there; null when none is. */
  source: Job | null;
  /** The form as that run had it. */
  before: TrainForm | null;
  loading: Resource<Job>;
}

/** `?from=` a run to copy, `&lr=` with another rate; `?pretrained=` a tuned model to go on from. */
export function useForm(models: readonly Model[] | undefined): FormState {
  const from = address.value.get("from");
  const pretrained = address.value.get("pretrained");
  const lr = address.value.get("lr");
  const [form, setForm] = useState<TrainForm>(BLANK);
  const loading = useResource(async (stop) => acceptJob(await getJob(from ?? "", stop)), [from]);
  const source = from !== null ? (loading.data ?? null) : null;
  const change = (part: Partial<TrainForm>) => setForm((old) => ({ ...old, ...part }));
  const before = source ? formFrom(source.params) : null;
  useEffect(() => {
    if (before) setForm({ ...before, lr: lr ?? before.lr });
    else if (from === null) setForm(BLANK);
  }, [from, source?.id, lr]);
  useEffect(() => {
    const own = models?.find((one) => one.id === pretrained && one.kind === "finetuned");
    if (own) change({ model: plainName(own), pretrained: own.id });
  }, [pretrained, models !== undefined]);
  return { form, change, source, before, loading };
}
