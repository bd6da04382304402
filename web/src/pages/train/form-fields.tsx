import type { Model, TrainPlan } from "../../api/types";
import { AutoChip } from "../../design/chip";
import { Check, Select, TextField } from "../../design/field";
import { architectureOptions, pretrainedOptions } from "../../text/models";
import { type AutoKey, plannedOf, problemsOf, shownValue, type TrainForm } from "./form";

interface FieldsProps {
  form: TrainForm;
  change: (change: Partial<TrainForm>) => void;
  plan: TrainPlan | undefined;
  models: Model[];
}

const LABELS: Record<AutoKey, string> = {
  epochs: "Epochs",
  batch_size: "Batch size",
  lr: "Learning rate",
  warmup: "Warmup steps",
};

function AutoField({ of: key, form, change, plan }: FieldsProps & { of: AutoKey }) {
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
export function MainFields(props: FieldsProps) {
  const { form, change, plan, models } = props;
  const model = form.model ?? String(plannedOf(plan, "model")?.value ?? "");
  const pretrained = form.pretrained ?? String(plannedOf(plan, "pretrained")?.value ?? "");
  const architecture = models.find((one) => one.id === model && one.kind === "catalogue")?.architecture ?? model;
  return (
    <>
      <div class="form-grid">
        <Select label="Model" value={model} options={architectureOptions(models)} onChange={(value) => change({ model: value, pretrained: null })} />
        <Select label="Pretrained" value={pretrained} options={pretrainedOptions(models, architecture)} onChange={(value) => change({ model, pretrained: value })} />
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

/** What few people change. */
export function MoreFields({ form, change }: Pick<FieldsProps, "form" | "change">) {
  const problems = problemsOf(form);
  return (
    <details class="more">
      <summary>More settings</summary>
      <div class="stack">
        <div class="form-grid pairs">
          <TextField label="Name" value={form.name} onInput={(name) => change({ name })} placeholder="from the model and the time" maxLength={60} />
          <TextField label="Weight decay" numeric value={form.weight_decay} onInput={(weight_decay) => change({ weight_decay })} placeholder="0.1" error={problems.weight_decay} />
          <Select label="Precision" value={form.precision} options={PRECISIONS} onChange={(precision) => change({ precision })} />
          <TextField label="Training seed" numeric value={form.seed} onInput={(seed) => change({ seed })} error={problems.seed} />
        </div>
        <Check label="Stop early when recall no longer grows" checked={form.early_stopping} onChange={(early_stopping) => change({ early_stopping })} />
      </div>
    </details>
  );
}
