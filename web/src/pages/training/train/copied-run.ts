/** A run's settings in the form again, what was changed in them, and the rates of a sweep. Pure. */
import type { TrainPlan } from "../../../api/training";
import { BLANK, paramsOf, plannedOf, type TrainForm } from "./form";

const SPREAD = 3;
const LARGEST_RATE = 1;

/** A number as somebody would type it: 0.00001 -> "1e-5". */
function typed(value: unknown): string {
  if (value === undefined || value === null || value === "auto") return "";
  const number = Number(value);
  return number > 0 && number < 0.01 ? number.toExponential() : String(value);
}

/** The form filled with a run's params. Its name stays behind: two runs of one name are hard to tell apart. */
export function formFrom(params: Record<string, unknown>): TrainForm {
  const patience = Number(params.early_stopping ?? 0);
  return {
    ...BLANK,
    model: typeof params.model === "string" ? params.model : null,
    pretrained: typeof params.pretrained === "string" ? params.pretrained : null,
    epochs: typed(params.epochs),
    batch_size: typed(params.batch_size),
    lr: typed(params.lr),
    warmup: typed(params.warmup),
    weight_decay: typed(params.weight_decay),
    precision: typeof params.precision === "string" ? params.precision : "auto",
    seed: String(params.seed ?? 0),
    early_stopping: patience > 0,
    patience: patience > 0 && params.early_stopping !== true ? String(patience) : "",
    gpus: Number(params.gpus ?? 1) > 1 ? String(params.gpus) : "",
  };
}

const same = (a: unknown, b: unknown): boolean => (typeof a === "string" && typeof b === "string" ? a.trim() === b.trim() : a === b);

/** The fields that are no longer as they were. */
export function changedFields(form: TrainForm, before: TrainForm): (keyof TrainForm)[] {
  return (Object.keys(form) as (keyof TrainForm)[]).filter((key) => !same(form[key], before[key]));
}

/** "Was 1e-5" of a field that was changed; undefined of one that was not. */
export function wasText(form: TrainForm, before: TrainForm | null, key: keyof TrainForm): string | undefined {
  if (!before || same(form[key], before[key])) return undefined;
  const old = before[key];
  if (typeof old === "boolean") return old ? "Was on" : "Was off";
  return `Was ${old || (key === "name" ? "empty" : "auto")}`;
}

const PARAM_OF: Partial<Record<keyof TrainForm, string>> = { patience: "early_stopping" };

/** The params that a copy of a run changes; null: back to what is usual. Weights belong to their model: both go together. */
export function changedParams(form: TrainForm, before: TrainForm, plan: TrainPlan | undefined): Record<string, unknown> {
  const now = paramsOf(form, plan);
  const names = new Set<string>(changedFields(form, before).map((key) => PARAM_OF[key] ?? key));
  if (names.has("model") || names.has("pretrained")) names.add("model").add("pretrained");
  return Object.fromEntries([...names].map((name) => [name, now[name] ?? null]));
}

/** A third of the rate that the form stands at, the rate, and three times it. */
export function sweepRates(form: TrainForm, plan: TrainPlan | undefined): number[] {
  const middle = Number(form.lr.trim() === "" ? plannedOf(plan, "lr")?.value : form.lr);
  if (!(middle > 0)) return [];
  const rates = [middle / SPREAD, middle, middle * SPREAD].map((lr) => Math.min(LARGEST_RATE, Number(lr.toPrecision(2))));
  return [...new Set(rates)];
}
