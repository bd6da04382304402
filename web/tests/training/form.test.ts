import { describe, expect, test } from "vitest";
import type { TrainPlan } from "../../src/api/training";
import { BLANK, paramsOf, plannedOf, planQuery, problemsOf, shownValue } from "../../src/pages/training/train/form";
import { fractionProblem, optionalWholeProblem, positiveProblem, seedProblem } from "../../src/text/form-checks";

const plan = {
  settings: {
    model: "clip-browser-small",
    pretrained: "",
    epochs: 30,
    batch_size: { value: 32, auto: true, why: "a quarter of the images" },
    lr: { value: 1e-3, auto: true, why: "holds up" },
    warmup: { value: 15, auto: true, why: "10 % of 150 steps" },
  },
  defaults_why: "clip-browser-small from scratch on 170 images",
} as unknown as TrainPlan;

describe("training form", () => {
  test("an untouched form asks for auto and sends what the plan shows", () => {
    expect(planQuery(BLANK)).toEqual({ model: undefined, pretrained: undefined, epochs: undefined, batch_size: "auto", lr: "auto", warmup: "auto" });
    expect(paramsOf(BLANK, plan)).toEqual({ model: "clip-browser-small", pretrained: "", epochs: 30, batch_size: 32, lr: "auto", warmup: "auto", precision: "auto", seed: 0 });
  });

  test("own values go out as numbers", () => {
    const form = { ...BLANK, epochs: "3", batch_size: " 16 ", lr: "1e-4", warmup: "0", name: " try ", early_stopping: true };
    expect(paramsOf(form, plan)).toMatchObject({ epochs: 3, batch_size: 16, lr: 1e-4, warmup: 0, name: "try", early_stopping: true });
  });

  test("what does not fit is said and is not asked for", () => {
    const form = { ...BLANK, epochs: "many", lr: "-1" };
    expect(Object.keys(problemsOf(form))).toEqual(["epochs", "lr"]);
    expect(planQuery(form)).toMatchObject({ epochs: undefined, lr: "auto" });
  });

  test("a setting is shown with its reason, whether it comes bare or not", () => {
    expect(plannedOf(plan, "epochs")).toMatchObject({ value: 30, auto: true });
    expect(shownValue("lr", plannedOf(plan, "lr"))).toBe("1e-3");
    expect(plannedOf(undefined, "lr")).toBeUndefined();
  });

  test("numbers in forms are checked with a sentence", () => {
    expect([fractionProblem("0.2"), seedProblem("0"), positiveProblem(""), optionalWholeProblem("", 1, 5)]).toEqual([undefined, undefined, undefined, undefined]);
    expect([fractionProblem("1"), fractionProblem(""), seedProblem("1.5"), positiveProblem("0"), optionalWholeProblem("6", 1, 5)].every(Boolean)).toBe(true);
  });
});

describe("the form's later fields", () => {
  const plan = { settings: { model: "small", pretrained: "", epochs: 30, batch_size: { value: 32, auto: true, why: "" }, lr: { value: 1e-5, auto: true, why: "" } } } as unknown as TrainPlan;

  test("one GPU and no early stopping are not spoken of", () => {
    expect(paramsOf({ ...BLANK, gpus: "1" }, plan)).not.toHaveProperty("gpus");
    expect(planQuery(BLANK).gpus).toBeUndefined();
  });

  test("several GPUs and a patience go out as numbers", () => {
    const form = { ...BLANK, gpus: "2", early_stopping: true, patience: "4" };
    expect(paramsOf(form, plan)).toMatchObject({ gpus: 2, early_stopping: 4 });
    expect(planQuery(form).gpus).toBe("2");
  });

  test("numbers out of range are said; a patience that is not asked for is not checked", () => {
    expect(Object.keys(problemsOf({ ...BLANK, gpus: "17", patience: "0" }))).toEqual(["gpus"]);
    expect(Object.keys(problemsOf({ ...BLANK, early_stopping: true, patience: "0" }))).toEqual(["patience"]);
  });
});
