/** The training form: what is typed, its checks, and what is sent. Pure. */
import type { PlannedSetting, TrainPlan } from "../../../api/training";
import { optionalWholeProblem, positiveProblem, seedProblem } from "../../../text/form-checks";
import { rate, short } from "../../../text/format";

/** A setting of the plan and why it is so. */
type Planned = Omit<PlannedSetting, "value"> & { value: number | string };

/** Texts as typed; an empty one means auto. model and pretrained: null until somebody chooses. */
export interface TrainForm {
  model: string | null;
  pretrained: string | null;
  epochs: string;
  batch_size: string;
  lr: string;
  warmup: string;
  weight_decay: string;
  precision: string;
  seed: string;
  early_stopping: boolean;
  patience: string;
  gpus: string;
  name: string;
}

export const BLANK: TrainForm = {
  model: null,
  pretrained: null,
  epochs: "",
  batch_size: "",
  lr: "",
  warmup: "",
  weight_decay: "",
  precision: "auto",
  seed: "0",
  early_stopping: false,
  patience: "",
  gpus: "",
  name: "",
};

export type AutoKey = "epochs" | "batch_size" | "lr" | "warmup";

/** What the plan is asked for: texts that do not fit count as auto. */
export function planQuery(form: TrainForm): Record<string, string | undefined> {
  const bad = problemsOf(form);
  const given = (key: AutoKey) => (form[key].trim() !== "" && !bad[key] ? form[key].trim() : undefined);
  return {
    model: form.model ?? undefined,
    pretrained: form.pretrained ?? undefined,
    epochs: given("epochs"),
    batch_size: given("batch_size") ?? "auto",
    lr: given("lr") ?? "auto",
    warmup: given("warmup") ?? "auto",
    gpus: manyGpus(form) && !bad.gpus ? form.gpus.trim() : undefined,
  };
}

const manyGpus = (form: TrainForm): boolean => form.gpus.trim() !== "" && Number(form.gpus) !== 1;

/** A setting of the plan, whether it comes bare or with its reason. */
export function plannedOf(plan: TrainPlan | undefined, key: keyof TrainPlan["settings"]): Planned | undefined {
  const setting = plan?.settings[key];
  if (setting === undefined) return undefined;
  if (typeof setting === "object") return setting;
  return { value: setting, auto: true, why: plan?.defaults_why ? `The default for ${plan.defaults_why}.` : "The default." };
}

/** A setting's value as the chip shows it. */
export function shownValue(key: AutoKey, setting: Planned | undefined): string {
  if (!setting) return "";
  const value = Number(setting.value);
  if (!Number.isFinite(value)) return String(setting.value);
  return key === "lr" ? rate(value) : short(value);
}

export function problemsOf(form: TrainForm): Partial<Record<keyof TrainForm, string>> {
  const problems: Partial<Record<keyof TrainForm, string | undefined>> = {
    epochs: optionalWholeProblem(form.epochs, 1, 1000),
    batch_size: optionalWholeProblem(form.batch_size, 2, 8192),
    lr: positiveProblem(form.lr),
    warmup: optionalWholeProblem(form.warmup, 0, 10_000_000),
    weight_decay: form.weight_decay.trim() === "" || Number(form.weight_decay) >= 0 ? undefined : "A number, 0 or above.",
    seed: seedProblem(form.seed),
    patience: form.early_stopping ? optionalWholeProblem(form.patience, 1, 1000) : undefined,
    gpus: optionalWholeProblem(form.gpus, 1, 16),
  };
  return Object.fromEntries(Object.entries(problems).filter(([, text]) => text !== undefined));
}

/** Epochs without a better one before it stops; true: as many as is usual. */
const patienceOf = (form: TrainForm): number | true => (form.patience.trim() === "" ? true : Number(form.patience));

function plain(value: Planned | undefined): string {
  return value === undefined ? "" : String(value.value);
}

/** The params of the train job: what was typed, else what the plan chose. */
export function paramsOf(form: TrainForm, plan: TrainPlan | undefined): Record<string, unknown> {
  const number = (key: AutoKey) => (form[key].trim() === "" ? undefined : Number(form[key]));
  const planned = (key: AutoKey) => {
    const setting = plannedOf(plan, key);
    return setting === undefined ? undefined : Number(setting.value);
  };
  const params: Record<string, unknown> = {
    model: form.model ?? plain(plannedOf(plan, "model")),
    pretrained: form.pretrained ?? plain(plannedOf(plan, "pretrained")),
    epochs: number("epochs") ?? planned("epochs"),
    batch_size: number("batch_size") ?? planned("batch_size"),
    lr: number("lr") ?? "auto",
    warmup: number("warmup") ?? "auto",
    weight_decay: form.weight_decay.trim() === "" ? undefined : Number(form.weight_decay),
    precision: form.precision,
    seed: Number(form.seed),
    early_stopping: form.early_stopping ? patienceOf(form) : undefined,
    gpus: manyGpus(form) ? Number(form.gpus) : undefined,
    name: form.name.trim() || undefined,
  };
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
}
