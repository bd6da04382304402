import { describe, expect, test } from "vitest";
import type { Model } from "../../src/api/models";
import { architectureOptions, pretrainedOptions, searchOptions, startModel } from "../../src/text/models/model-choices";

const model = (change: Partial<Model>): Model =>
  ({ id: "m", name: "m", kind: "finetuned", architecture: "ViT-B-32", base: "ViT-B-32/openai", source: "trained", note: "", tags: [], indexes: [], is_default_for: [], metrics: {}, dataset_id: "birds", created_at: "2026-01-01", ...change }) as Model;

describe("the default model in search", () => {
  const models = [model({ id: "old", created_at: "2026-01-01" }), model({ id: "new", created_at: "2026-02-01" })];

  test("it is marked, and search begins with it where it has an index", () => {
    const options = searchOptions(models, ["old", "new"], "old");
    expect(options.map((one) => one.label)).toEqual(["m", "m (default)"]);
    expect([startModel(options, ["new", "old"], "old"), startModel(options, ["new"], "old"), startModel(options, ["new"], "gone")]).toEqual(["old", "new", "new"]);
    expect(searchOptions(models, ["new"], "old")[1]?.label).toBe("m (default, no index yet)");
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
