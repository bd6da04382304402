import { describe, expect, test } from "vitest";
import type { Job, MetricPoint, TrainPlan } from "../src/api/types";
import { roundRange, steadyRange } from "../src/charts/range";
import { prioritiesFor } from "../src/pages/jobs/priorities";
import { alphaText, bestAlphaOf, blendSeries, blendsOf, forgettingOf } from "../src/pages/run/blend-figures";
import { appended, joined, livePoints, overMinutes } from "../src/pages/run/live";
import { changedFields, changedParams, formFrom, sweepRates, wasText } from "../src/pages/train/copy";
import { BLANK, paramsOf, planQuery, problemsOf } from "../src/pages/train/form";
import { guideText, placeOf } from "../src/pages/train/plan-words";
import { copyPath } from "../src/routes";
import { beforeAfterStep, beforeForDrop, clock, expectedText, movable, moved, pausedText, placeText } from "../src/text/queue";

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

describe("the form's later fields", () => {
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

describe("a sweep", () => {
  test("goes a third below and three times above the rate that the form stands at", () => {
    expect(sweepRates(BLANK, plan)).toEqual([3.3e-6, 1e-5, 3e-5]);
    expect(sweepRates({ ...BLANK, lr: "1e-3" }, plan)).toEqual([3.3e-4, 1e-3, 3e-3]);
  });

  test("no rate is above 1 and none comes twice", () => {
    expect([sweepRates({ ...BLANK, lr: "0.9" }, plan), sweepRates({ ...BLANK, lr: "1" }, plan), sweepRates({ ...BLANK, lr: "x" }, plan)]).toEqual([[0.3, 0.9, 1], [0.33, 1], []]);
  });
});

describe("the plan in words", () => {
  test("the guide's figure stands beside our own", () => {
    expect(guideText({ hours: [1, 2], memory_gb: 4, images: 1000, epochs: 10 })).toBe("The guide's figure for this: 1 to 2 hours and 4 GB, for 1,000 images and 10 epochs.");
    expect(guideText({ hours: [1, 2], memory_gb: 4, images: 1000, epochs: 10, scaled_hours: [0.5, 1] })).toMatch(/; at the size of this run 30 min to 1 h\.$/);
  });

  test("the place is told with its number of GPUs", () => {
    expect([placeOf({ device: "cuda" }), placeOf({ device: "cuda:0", gpus: 2 }), placeOf({ device: "cpu" }), placeOf({ device: "cpu", gpus: 2 })]).toEqual(["on the GPU", "on 2 GPUs", "on the CPU", "on the CPU, 2 processes"]);
  });
});

describe("a queue in words", () => {
  const now_ms = new Date(2026, 4, 5, 14, 0).getTime();
  const at = (minutes: number) => new Date(now_ms + minutes * 60_000).toISOString();

  test("times of today are short, others name their day", () => {
    expect([clock(at(32), now_ms), clock(at(24 * 60), now_ms)]).toEqual(["14:32", "Wed 14:00"]);
  });

  test("a waiting job says when it starts and ends, a running one when it ends", () => {
    const times = { estimated_start: at(3), estimated_end: at(8) };
    expect(expectedText({ state: "queued", ...times }, now_ms)).toBe("Starts in about 3 min, at 14:03. Ends about 14:08.");
    expect(expectedText({ state: "queued", estimated_start: at(0) }, now_ms)).toBe("Starts any moment.");
    expect([expectedText({ state: "running", ...times }, now_ms), expectedText({ state: "queued" }, now_ms), expectedText({ state: "failed", ...times }, now_ms)]).toEqual(["Ends about 14:08.", "", ""]);
  });

  test("a place comes with its reason", () => {
    expect(placeText({ queue_position: 2, queue_reason: "Behind 1 run" })).toBe("Place 2 in the queue. Behind 1 run.");
    expect(placeText({ queue_position: null })).toBe("In the queue.");
  });

  test("a pause names who and why", () => {
    const paused = { by: "anna", at: new Date().toISOString(), reason: "moving the rack." };
    expect(pausedText({ paused })).toMatch(/^Paused by anna at \d\d:\d\d: moving the rack\. What runs goes on; nothing new begins\.$/);
    expect(pausedText({ paused: null })).toBe("");
  });
});

describe("the order of a queue", () => {
  const jobs = ["a", "b", "c", "d"].map((id, index) => ({ id, created_by: index % 2 ? "ben" : "anna" }));
  const ids = (list: { id: string }[]) => list.map((one) => one.id).join("");

  test("a step up goes before the one above, a step down behind the one below", () => {
    expect([beforeAfterStep(jobs, "c", -1), beforeAfterStep(jobs, "b", 1), beforeAfterStep(jobs, "c", 1)]).toEqual(["b", "d", ""]);
    expect([beforeAfterStep(jobs, "a", -1), beforeAfterStep(jobs, "d", 1), beforeAfterStep(jobs, "x", 1)]).toEqual([null, null, null]);
  });

  test("who may not move all moves among their own", () => {
    const own = movable(jobs, false, "ben");
    expect([ids(own), ids(movable(jobs, true, "ben"))]).toEqual(["bd", "abcd"]);
    expect([beforeAfterStep(own, "d", -1), beforeAfterStep(own, "b", 1)]).toEqual(["b", ""]);
  });

  test("let go on another one it comes before it upwards, behind it downwards", () => {
    expect([beforeForDrop(jobs, "c", "a"), beforeForDrop(jobs, "a", "b"), beforeForDrop(jobs, "a", "d"), beforeForDrop(jobs, "a", "a")]).toEqual(["a", "c", "", null]);
  });

  test("the order after a move is shown at once", () => {
    expect([ids(moved(jobs, "c", "a")), ids(moved(jobs, "a", "")), ids(moved(jobs, "x", "a"))]).toEqual(["cabd", "bcda", "abcd"]);
  });

  test("others than admins lower a priority only", () => {
    expect(prioritiesFor(true, 5).length).toBe(10);
    expect(prioritiesFor(false, 6).map((one) => one.value)).toEqual(["6", "7", "8", "9"]);
  });
});

describe("live curves", () => {
  const point = (step: number, value = step, time = ""): MetricPoint => ({ step, epoch: null, value, time });

  test("an event's figures belong to the last step that is done", () => {
    const progress = { done: 8, total: 10, unit: "steps", message: null, metrics: { loss: 2.5, "system/cpu_utilisation": 90 }, eta_s: null };
    const live = livePoints(progress, new Date(0));
    expect([live["train/loss"]?.[0]?.step, live["system/cpu_utilisation"]?.[0]?.value]).toEqual([7, 90]);
    expect(livePoints({ ...progress, done: 0 }, new Date(0))).toEqual({});
  });

  test("what events told is put behind what was fetched, never twice", () => {
    const known = { "train/loss": [point(1), point(2)] };
    expect(joined(known, { "train/loss": [point(3)] })["train/loss"]?.map((one) => one.step)).toEqual([1, 2, 3]);
    expect(joined(known, { "train/loss": [point(2, 9)] })).toEqual(known);
  });

  test("what is new is put behind what is known", () => {
    const known = { loss: [point(1)] };
    expect(appended(known, { loss: [point(2)], lr: [point(2)] })).toEqual({ loss: [point(1), point(2)], lr: [point(2)] });
    expect(appended(known, { loss: [] })).toBe(known);
  });

  test("steps that a resumed run says again replace what it said before", () => {
    const known = { loss: [point(1), point(2), point(3)], "system/memory_gb": [point(1), point(2)] };
    expect(appended(known, { loss: [point(2, 9)], "system/memory_gb": [point(2, 9)] })).toEqual({ loss: [point(1), point(2, 9)], "system/memory_gb": [point(1), point(2), point(2, 9)] });
  });

  test("a rest between a stop and its resume takes no room", () => {
    const times = ["2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"].map((time, step) => point(step, 1, time));
    expect(overMinutes([...times, point(3, 2, "2026-01-01T00:01:20Z"), point(4, 2, "2026-01-02T00:00:00Z")]).map(([x]) => Number(x.toFixed(3)))).toEqual([0, 0.017, 0.35, 0.367]);
    expect(overMinutes(undefined)).toEqual([]);
  });
});

describe("axes", () => {
  test("ranges end at round numbers, with zero where it is near", () => {
    expect([roundRange(0.4, 3.3), roundRange(90, 97), roundRange(NaN, NaN), roundRange(2, 2), roundRange(0, 0)]).toEqual([[0, 4], [90, 98], [0, 1], [0, 3], [0, 1]]);
  });

  test("a range only grows, so that the curve does not jump", () => {
    const first = steadyRange(null, 1, 3.3);
    expect(steadyRange(first, 2, 3)).toBe(first);
    expect(steadyRange(first, 1, 9)).toEqual([0, 10]);
  });
});

describe("between untuned and tuned", () => {
  const result = {
    best_alpha: 0.5,
    blends: [{ alpha: 1, t2i_r1: 0.6, i2t_r1: 0.5, forgetting: 0.3 }, { alpha: 0, t2i_r1: 0.2, i2t_r1: 0.2, forgetting: 0.5 }, { alpha: 0.5, t2i_r1: 0.62, i2t_r1: 0.6, forgetting: 0.45 }],
    forgetting: { images: 60, before: { t2i_r1: 0.5 }, after: { t2i_r1: 0.3 } },
  };
  const job = { result } as unknown as Job;

  test("blends are drawn from untuned to tuned, the best one marked", () => {
    expect(blendsOf(job).map((one) => one.alpha)).toEqual([0, 0.5, 1]);
    const series = blendSeries(blendsOf(job), bestAlphaOf(job));
    expect(series.map((one) => [one.name, one.points.length])).toEqual([["recall@1 here", 3], ["recall@1 on the fixed set", 3], ["best", 1]]);
  });

  test("runs without such figures have none", () => {
    expect([blendsOf({ result: null }), bestAlphaOf({ result: {} }), forgettingOf({ result: { forgetting: null } })]).toEqual([[], null, null]);
    expect(blendSeries([{ alpha: 0, t2i_r1: 0.1, forgetting: null }], null).map((one) => one.name)).toEqual(["recall@1 here"]);
  });

  test("an alpha is told in words", () => {
    expect([alphaText(0), alphaText(0.7), alphaText(1)]).toEqual(["the untuned model", "70 % tuned", "the tuned model"]);
  });
});
