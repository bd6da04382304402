import type { Model } from "../../../api/models";
import type { System } from "../../../api/ops";
import type { TrainPlan } from "../../../api/training";
import { AutoChip } from "../../../design/chip";
import { Check, Select, TextField } from "../../../design/field";
import { countOf } from "../../../text/format";
import { architectureOptions, pretrainedOptions } from "../../../text/models/model-choices";
import { wasText } from "./copied-run";
import { type AutoKey, plannedOf, problemsOf, shownValue, type TrainForm } from "./form";

export interface FieldsProps {
  form: TrainForm;
  change: (change: Partial<TrainForm>) => void;
  /** The form of the run that this one is a copy of. */
  before: TrainForm | null;
}

interface MainProps extends FieldsProps {
  plan: TrainPlan | undefined;
  models: Model[];
}

const LABELS: Record<AutoKey, string> = {
  epochs: "Epochs",
  batch_size: "Batch size",
  lr: "Learning rate",
  warmup: "Warmup steps",
};

/** What a field was in the run that is copied, as its hint. */
const hintOf = ({ form, before }: FieldsProps, key: keyof TrainForm, usual?: string) => {
  const was = wasText(form, before, key);
  return was ? <span class="was">{was}</span> : usual;
};

function AutoField({ of: key, ...props }: MainProps & { of: AutoKey }) {
  const { form, change, plan } = props;
  const setting = plannedOf(plan, key);
  const isOwn = form[key].trim() !== "";
  const shown = shownValue(key, setting);
  return (
    <TextField
      label={LABELS[key]}
      numeric
      value={form[key]}
      placeholder={isOwn ? undefined : shown}
      onInput={(value) => change({ [key]: value })}
      error={problemsOf(form)[key]}
      hint={hintOf(props, key)}
      beside={
        <AutoChip
          shown={shown}
          isOwn={isOwn}
          why={isOwn ? "Your own value. Click to go back to auto." : (setting?.why ?? "Chosen from the dataset and the model.")}
          onAuto={() => change({ [key]: "" })}
        />
      }
    />
  );
}

/** The guide's few fields. */
export function MainFields(props: MainProps) {
  const { form, change, plan, models } = props;
  const model = form.model ?? String(plannedOf(plan, "model")?.value ?? "");
  const pretrained = form.pretrained ?? String(plannedOf(plan, "pretrained")?.value ?? "");
  const architecture = models.find((one) => one.id === model && one.kind === "catalogue")?.architecture ?? model;
  return (
    <>
      <div class="form-grid">
        <Select label="Model" value={model} options={architectureOptions(models)} onChange={(value) => change({ model: value, pretrained: null })} hint={hintOf(props, "model")} />
        <Select label="Pretrained" value={pretrained} options={pretrainedOptions(models, architecture)} onChange={(value) => change({ model, pretrained: value })} hint={hintOf(props, "pretrained")} />
      </div>
      <div class="form-grid pairs">
        <AutoField of="epochs" {...props} />
        <AutoField of="batch_size" {...props} />
        <AutoField of="lr" {...props} />
        <AutoField of="warmup" {...props} />
      </div>
    </>
  );
}

const PRECISIONS = [
  { value: "auto", label: "auto" },
  { value: "fp32", label: "fp32" },
  { value: "amp", label: "amp" },
  { value: "amp_bf16", label: "amp_bf16" },
];

/** What the machine has, said below the field that asks for GPUs. */
function gpuHint(system: System | undefined): string | undefined {
  if (!system) return undefined;
  const many = system.gpus.length;
  return many > 0 ? `There ${many === 1 ? "is" : "are"} ${countOf(many, "GPU")} here.` : "There is no GPU here: as many processes share the CPU.";
}

function EarlyStopping(props: FieldsProps) {
  const { form, change } = props;
  return (
    <div class="form-grid pairs">
      <Check label="Stop early when recall no longer grows" checked={form.early_stopping} onChange={(early_stopping) => change({ early_stopping })} />
      {form.early_stopping && (
        <TextField label="Epochs without a better one" numeric value={form.patience} onInput={(patience) => change({ patience })} placeholder="3" error={problemsOf(form).patience} hint={hintOf(props, "patience")} />
      )}
    </div>
  );
}

/** What few people change. */
export function MoreFields({ system, ...props }: FieldsProps & { system: System | undefined }) {
  const { form, change } = props;
  const problems = problemsOf(form);
  return (
    <details class="more">
      <summary>More settings</summary>
      <div class="stack">
        <div class="form-grid pairs">
          <TextField label="Name" value={form.name} onInput={(name) => change({ name })} placeholder="from the model and the time" maxLength={60} />
          <TextField label="Weight decay" numeric value={form.weight_decay} onInput={(weight_decay) => change({ weight_decay })} placeholder="0.1" error={problems.weight_decay} hint={hintOf(props, "weight_decay")} />
          <Select label="Precision" value={form.precision} options={PRECISIONS} onChange={(precision) => change({ precision })} hint={hintOf(props, "precision")} />
          <TextField label="Training seed" numeric value={form.seed} onInput={(seed) => change({ seed })} error={problems.seed} hint={hintOf(props, "seed")} />
          <TextField label="GPUs" numeric value={form.gpus} onInput={(gpus) => change({ gpus })} placeholder="1" error={problems.gpus} hint={hintOf(props, "gpus", gpuHint(system))} />
        </div>
        <EarlyStopping {...props} />
      </div>
    </details>
  );
}
