import { describe, expect, test } from "vitest";
import type { Job, Model, TrainPlan } from "../src/api/types";
import { aligned, pointsOver, thinned, valueAt } from "../src/charts/series";
import { paramRows } from "../src/pages/compare/params-table";
import { anchors, fitted, fittingLabels } from "../src/pages/map/points";
import { fractionProblem, optionalWholeProblem, positiveProblem, seedProblem } from "../src/pages/prepare/params";
import { linesOf, toneOf } from "../src/pages/run/log-lines";
import { recallText } from "../src/pages/run/recall";
import { BLANK, paramsOf, planQuery, plannedOf, problemsOf, shownValue } from "../src/pages/train/form";
import { batches } from "../src/state/batches";
import { architectureOptions, pretrainedOptions, searchOptions, startModel } from "../src/text/models";

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

describe("models as choices", () => {
  const model = (change: Partial<Model>): Model => ({ kind: "catalogue", recommended: false, weights: "cached", pretrained: [], created_at: null, ...change }) as Model;
  const models = [
    model({ id: "small", name: "small", architecture: "small", weights: "none" }),
    model({ id: "ViT-B-32", name: "ViT-B-32", architecture: "ViT-B-32", pretrained: ["openai", "laion"], weights: "not here", recommended: true }),
    model({ id: "old", name: "old run", kind: "finetuned", architecture: "ViT-B-32-quickgelu", created_at: "2026-01-01" }),
    model({ id: "new", name: "new run", kind: "finetuned", architecture: "small", created_at: "2026-02-01" }),
  ];

  test("recommended architectures come first", () => {
    expect(architectureOptions(models).map((one) => one.value)).toEqual(["ViT-B-32", "small"]);
  });

  test("a training starts from published weights, own models of the same architecture, or nothing", () => {
    expect(pretrainedOptions(models, "ViT-B-32").map((one) => one.value)).toEqual(["openai", "laion", "old", ""]);
    expect(pretrainedOptions(models, "small").map((one) => one.value)).toEqual(["new", ""]);
  });

  test("search offers tuned models first, newest first, and says which have no index", () => {
    const options = searchOptions(models, ["new"]);
    expect(options.map((one) => one.value)).toEqual(["new", "old", "small/untrained", "ViT-B-32/openai", "ViT-B-32/laion"]);
    expect(options[0]?.label).toBe("new run");
    expect(options[1]?.label).toBe("old run (no index yet)");
  });

  test("search begins with the newest index, else with the newest tuned model", () => {
    const options = searchOptions(models, []);
    expect([startModel(options, ["gone", "old"]), startModel(options, []), startModel([], [])]).toEqual(["old", "new", ""]);
  });
});

describe("charts", () => {
  test("a repeated step after a resume shows its later value", () => {
    const points = [1, 2, 2].map((step, index) => ({ step, epoch: step, value: index }));
    expect(pointsOver(points, "step")).toEqual([[1, 0], [2, 2]]);
  });

  test("series of different steps share one axis with gaps", () => {
    const series = [{ name: "a", colour: "", points: [[1, 5], [3, 6]] as [number, number][] }, { name: "b", colour: "", points: [[2, 7]] as [number, number][] }];
    expect(aligned(series)).toEqual([[1, 2, 3], [5, null, 6], [null, 7, null]]);
  });

  test("thinning keeps the first and the last point", () => {
    const points = Array.from({ length: 2500 }, (_, index) => [index, index] as [number, number]);
    const few = thinned(points, 1000);
    expect(few.length).toBeLessThanOrEqual(1001);
    expect([few[0], few.at(-1)]).toEqual([[0, 0], [2499, 2499]]);
  });

  test("the readout takes the value before the cursor", () => {
    const points: [number, number][] = [[1, 10], [5, 20]];
    expect([valueAt(points, 0), valueAt(points, 4), valueAt(points, 9)]).toEqual([null, 10, 20]);
  });
});

describe("runs", () => {
  test("recall is told before and after", () => {
    const result = { recall_before: { t2i_r1: 0.31 }, recall_after: { t2i_r1: 0.58 } };
    expect(recallText({ result } as unknown as Job)).toBe("31 % \u2192 58 %");
    expect(recallText({ result: null })).toBe("");
  });

  test("settings that differ come first and are marked", () => {
    const rows = paramRows([{ params: { model: "a", epochs: 3, name: "x" } }, { params: { model: "a", epochs: 5, lr: 1 } }]);
    expect(rows).toEqual([
      { name: "epochs", values: ["3", "5"], differs: true },
      { name: "lr", values: ["-", "1"], differs: true },
      { name: "model", values: ["a", "a"], differs: false },
    ]);
  });

  test("errors and warnings of a log are marked, progress bars overwrite themselves", () => {
    expect(["RuntimeError: CUDA out of memory", "UserWarning: slow", "Train Epoch: 0"].map(toneOf)).toEqual(["error", "warning", "plain"]);
    expect(linesOf("a\r\n10%\r50%\r100%\nlast\n")).toEqual(["a", "100%", "last"]);
  });
});

describe("map and uploads", () => {
  test("points keep their proportions and fit the canvas", () => {
    const placed = fitted([[0, 0, 0, 1], [10, 5, 0, 2]]);
    expect(placed.flat().every((value) => Math.abs(value) <= 1)).toBe(true);
    expect(placed[1]![0] - placed[0]![0]).toBeCloseTo(2 * (placed[1]![1] - placed[0]![1]));
  });

  test("a label stands at the point nearest to its cluster's middle", () => {
    expect(anchors([[0, 0, 4, 1], [1, 0, 4, 2], [2, 0, 4, 3], [9, 9, 5, 4]])).toEqual(new Map([[4, 1], [5, 3]]));
  });

  test("of labels that overlap the larger cluster's stays", () => {
    const clusters = [{ id: 1, label: "small", size: 3 }, { id: 2, label: "large", size: 30 }, { id: 3, label: "far", size: 1 }];
    const places = new Map<number, [number, number]>([[1, [100, 100]], [2, [110, 105]], [3, [400, 100]]]);
    expect(fittingLabels(clusters, places)).toEqual(new Set([2, 3]));
  });

  test("many files go in parts, a large one alone", () => {
    const sizes = (parts: { size: number }[][]) => parts.map((part) => part.map((file) => file.size));
    const files = [1, 1, 1, 90, 1].map((size) => ({ size }));
    expect(sizes(batches(files, 2, 10))).toEqual([[1, 1], [1], [90], [1]]);
    expect(batches([], 2, 10)).toEqual([]);
  });
});
