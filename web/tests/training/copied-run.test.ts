import { describe, expect, test } from "vitest";
import type { TrainPlan } from "../../src/api/training";
import { changedFields, changedParams, formFrom, sweepRates, wasText } from "../../src/pages/training/train/copied-run";
import { BLANK } from "../../src/pages/training/train/form";
import { copyPath } from "../../src/routing/routes";

const plan = { settings: { model: "small", pretrained: "", epochs: 30, batch_size: { value: 32, auto: true, why: "" }, lr: { value: 1e-5, auto: true, why: "" } } } as unknown as TrainPlan;

describe("a run trained again with changes", () => {
  const params = { model: "small", pretrained: "", epochs: 10, batch_size: 32, lr: 0.00001, warmup: "auto", weight_decay: 0.1, precision: "auto", seed: 0, early_stopping: 3, gpus: 1, name: "first" };
  const before = formFrom(params);

  test("the form holds its settings as somebody would type them, its name stays behind", () => {
    expect(before).toMatchObject({ model: "small", pretrained: "", epochs: "10", lr: "1e-5", warmup: "", early_stopping: true, patience: "3", gpus: "", name: "" });
  });

  test("what was changed is marked with what it was", () => {
    const form = { ...before, lr: "3e-5", epochs: " 10 ", early_stopping: false };
    expect(changedFields(form, before)).toEqual(["lr", "early_stopping"]);
    expect([wasText(form, before, "lr"), wasText(form, before, "epochs"), wasText({ ...before, warmup: "5" }, before, "warmup")]).toEqual(["Was 1e-5", undefined, "Was auto"]);
    expect(wasText(form, null, "lr")).toBeUndefined();
  });

  test("only what was changed is sent, and what was emptied goes back to its usual value", () => {
    expect(changedParams(before, before, plan)).toEqual({});
    expect(changedParams({ ...before, lr: "3e-5" }, before, plan)).toEqual({ lr: 3e-5 });
    expect(changedParams({ ...before, weight_decay: "", early_stopping: false, lr: "" }, before, plan)).toEqual({ weight_decay: null, early_stopping: null, lr: "auto" });
    expect(changedParams({ ...before, patience: "5", gpus: "2" }, before, plan)).toEqual({ early_stopping: 5, gpus: 2 });
  });

  test("weights go together with their model", () => {
    expect(changedParams({ ...before, pretrained: "own-1" }, before, plan)).toEqual({ model: "small", pretrained: "own-1" });
  });

  test("its address names the run, and another rate where one is advised", () => {
    expect([copyPath("birds", "j 1"), copyPath("birds", "j1", 3.3e-6)]).toEqual(["/d/birds/train?from=j%201", "/d/birds/train?from=j1&lr=0.0000033"]);
  });
});

describe("a sweep", () => {
  test("goes a third below and three times above the rate that the form stands at", () => {
    expect(sweepRates(BLANK, plan)).toEqual([3.3e-6, 1e-5, 3e-5]);
    expect(sweepRates({ ...BLANK, lr: "1e-3" }, plan)).toEqual([3.3e-4, 1e-3, 3e-3]);
  });

  test("no rate is above 1 and none comes twice", () => {
    expect([sweepRates({ ...BLANK, lr: "0.9" }, plan), sweepRates({ ...BLANK, lr: "1" }, plan), sweepRates({ ...BLANK, lr: "x" }, plan)]).toEqual([[0.3, 0.9, 1], [0.33, 1], []]);
  });
});
