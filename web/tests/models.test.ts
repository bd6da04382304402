import { describe, expect, test } from "vitest";
import type { Job, Model } from "../src/api/types";
import { bestRun, figureRows, inBoth } from "../src/pages/compare/figures";
import { paramRows } from "../src/pages/compare/params-table";
import { groupPath, idsOf, runsPath } from "../src/pages/compare/places";
import { lineageFacts, settingFacts } from "../src/pages/models/lineage";
import { baseName, bestOf, fitting, loadSnippet, lostText, pointsLost, recallArrow, tagsFrom, tagsIn, untunedId, usesOf, withTag } from "../src/pages/models/model-text";
import { modelPath, modelsPath } from "../src/pages/models/places";
import { searchOptions, startModel } from "../src/text/models";

const model = (change: Partial<Model>): Model =>
  ({ id: "m", name: "m", kind: "finetuned", architecture: "ViT-B-32", base: "ViT-B-32/openai", source: "trained", note: "", tags: [], indexes: [], is_default_for: [], metrics: {}, dataset_id: "birds", created_at: "2026-01-01", ...change }) as Model;
const job = (result: Record<string, unknown> | null, params: Record<string, unknown> = {}): Job => ({ id: "j", kind: "train", state: "succeeded", params, result }) as unknown as Job;

describe("the registry", () => {
  const night = model({ id: "a", name: "Night run", tags: ["night", "approved"], note: "for the demo" });
  const day = model({ id: "b", name: "Day run", tags: ["day"], base: "a" });

  test("models are found by tag and by all words of name, note, tags and base", () => {
    expect(fitting([night, day], { q: "", tag: "night" })).toEqual([night]);
    expect(fitting([night, day], { q: "RUN demo", tag: "" })).toEqual([night]);
    expect(fitting([night, day], { q: "openai", tag: "day" })).toEqual([]);
    expect(tagsIn([night, day])).toEqual(["approved", "day", "night"]);
  });

  test("typed tags are trimmed, none empty, none twice", () => {
    expect(tagsFrom(" night,  two  words ,,Night, b")).toEqual(["night", "two words", "b"]);
    expect([withTag("a", "b"), withTag("a, b", "a"), withTag("", "b")]).toEqual(["a, b", "b", "b"]);
  });

  test("the base is another model's name, a catalogue reference or random weights", () => {
    const all = [night, day];
    expect([baseName(day, all), baseName(night, all)]).toEqual(["Night run", "ViT-B-32/openai"]);
    expect(baseName(day, [day])).toBe("a (deleted)");
    expect([baseName(model({ base: "" }), all), baseName(model({ base: null, source: "imported" }), all)]).toEqual(["random weights", "-"]);
  });

  test("a search beside the untuned model is offered where that still exists", () => {
    const small = model({ id: "small", architecture: "small", kind: "catalogue", pretrained: [] });
    const all = [night, day, small];
    expect([untunedId(night, all), untunedId(day, all), untunedId(day, [day])]).toEqual(["ViT-B-32/openai", "a", null]);
    expect(untunedId(model({ base: "", architecture: "small" }), all)).toBe("small/untrained");
    expect(untunedId(model({ base: "", architecture: "small", source: "imported" }), all)).toBeNull();
  });

  test("recall and forgetting are told in words", () => {
    const base = "ViT-B-32/openai";
    const metrics = { recall_before: { t2i_r1: 0.31 }, recall_after: { t2i_r1: 0.58 }, forgetting: { images: 64, before: { t2i_r1: 0.9 }, after: { t2i_r1: 0.88 } } };
    expect(recallArrow({ metrics })).toBe("31 % \u2192 58 %");
    expect(lostText(pointsLost({ metrics, base, source: "trained" }))).toBe("2 points lost");
    expect([lostText(1), lostText(-3.2), lostText(0.2), lostText(null)]).toEqual(["1 point lost", "3 points gained", "none", ""]);
    expect([pointsLost({ metrics: {}, base, source: "trained" }), pointsLost({ metrics, base: "", source: "trained" })]).toEqual([null, null]);
    expect(pointsLost({ metrics, base: "", source: "imported" })).toBeCloseTo(2);
  });

  test("what uses a model is said before it is deleted", () => {
    const used = model({ indexes: ["birds"], is_default_for: ["birds", "cars"] });
    const waiting = { kind: "train", state: "queued", params: { pretrained: "m", name: "next" } } as unknown as Job;
    const done = { ...waiting, state: "succeeded" } as Job;
    const uses = usesOf(used, [waiting, done], (id) => id.toUpperCase());
    expect(uses).toHaveLength(3);
    expect(uses.join(" ")).toMatch(/index of BIRDS.*default model of BIRDS, CARS.*next needs it/);
    expect(usesOf(model({}), [], String)).toEqual([]);
  });

  test("lineage and settings are told in words, what is unknown is left out", () => {
    const lineage = { snapshot_id: "ab12", caption_seq: 1240, augmentation: { method: "synonyms", per_caption: 2, rows: 340 }, base_model: null, code_version: { "clip-browser": "0.1.0", commit: "fe37a84b20d14f4b" } };
    expect(lineageFacts({ lineage })).toEqual([["frozen captions", "ab12"], ["caption revision", "1240"], ["augmentation", "synonyms, 2 for each caption, 340 rows"], ["code version", "clip-browser 0.1.0, commit fe37a84b20d1"]]);
    expect(lineageFacts({ lineage: { augmentation: null } })).toEqual([["augmentation", "none"]]);
    expect(settingFacts({ params: { name: "x", lr: 0.00001, embed_dim: 512, batch_size: 32, pretrained: "" } })).toEqual([["learning rate", "1e-5"], ["batch size", "32"]]);
    expect([lineageFacts({ lineage: null }), settingFacts({ params: null })]).toEqual([[], []]);
  });

  test("the snippet loads the folder that the download holds", () => {
    expect(loadSnippet(model({ folder: "models_finetuned/20260101-000000_m" }))).toContain('"local-dir:20260101-000000_m"');
  });

  test("the best model of a dataset has the highest recall@1", () => {
    const r1 = (id: string, t2i_r1: number, dataset_id = "birds") => model({ id, dataset_id, metrics: { recall_after: { t2i_r1 } } });
    expect(bestOf([r1("a", 0.4), r1("b", 0.6), r1("c", 0.9, "cars"), model({ id: "d" })], "birds")?.id).toBe("b");
    expect(bestOf([model({})], "birds")).toBeUndefined();
  });

  test("addresses hold only what is there", () => {
    expect([modelPath("a b"), modelsPath({ q: "", tag: "night" }), modelsPath({})]).toEqual(["/models?model=a+b", "/models?tag=night", "/models"]);
  });
});

describe("the default model in search", () => {
  const models = [model({ id: "old", created_at: "2026-01-01" }), model({ id: "new", created_at: "2026-02-01" })];

  test("it is marked, and search begins with it where it has an index", () => {
    const options = searchOptions(models, ["old", "new"], "old");
    expect(options.map((one) => one.label)).toEqual(["m", "m (default)"]);
    expect([startModel(options, ["new", "old"], "old"), startModel(options, ["new"], "old"), startModel(options, ["new"], "gone")]).toEqual(["old", "new", "new"]);
    expect(searchOptions(models, ["new"], "old")[1]?.label).toBe("m (default, no index yet)");
  });
});

describe("runs side by side", () => {
  const result = (t2i_r1: number, took_s: number, more: Record<string, unknown> = {}) => ({ recall_before: { t2i_r1: 0.1 }, recall_after: { t2i_r1 }, took_s, ...more });

  test("the best of each figure is marked, not where all are the same or one alone is known", () => {
    const rows = figureRows([job(result(0.5, 30, { best_epoch: 3 })), job(result(0.6, 30, { peak_memory_gb: 2 })), job(null)]);
    const row = (name: string) => rows.find((one) => one.name === name);
    expect(row("Text to image, recall@1")).toMatchObject({ texts: ["10 % \u2192 50 %", "10 % \u2192 60 %", "-"], best: [1] });
    expect(row("Time")).toMatchObject({ texts: ["30 s", "30 s", "-"], best: [] });
    expect(row("Memory")).toMatchObject({ texts: ["-", "2.0 GB", "-"], best: [] });
    expect(row("Best epoch")).toMatchObject({ texts: ["3", "-", "-"], best: [] });
    expect(row("Image to text, recall@1")).toBeUndefined();
  });

  test("less forgetting is better", () => {
    const forgot = (after: number) => ({ forgetting: { images: 9, before: { t2i_r1: 0.9 }, after: { t2i_r1: after } } });
    const tuned = { pretrained: "openai" };
    const [row] = figureRows([job(forgot(0.7), tuned), job(forgot(0.8), tuned), job(forgot(0.9), { pretrained: "" })]);
    expect(row).toMatchObject({ name: "Forgetting", best: [1], texts: ["90 % \u2192 70 %", "90 % \u2192 80 %", "-"] });
  });

  test("the best run of a sweep is the one with the highest recall@1 so far", () => {
    const [low, high, none] = [job(result(0.2, 1)), job(result(0.4, 1)), job(null)];
    expect(bestRun([none, low, high])).toBe(high);
    expect(bestRun([none])).toBeUndefined();
  });

  test("numbers of settings are short, empty ones are left out", () => {
    expect(paramRows([job(null, { lr: 0.00001, pretrained: "" }), job(null, { lr: 0.00003, pretrained: "", early_stopping: true })])).toEqual([
      { name: "lr", values: ["1e-5", "3e-5"], differs: true },
      { name: "early_stopping", values: ["-", "on"], differs: true },
    ]);
  });

  test("addresses name each run once, six at most", () => {
    expect(idsOf("a,b,,a,c", 6)).toEqual(["a", "b", "c"]);
    expect(idsOf("a,b,c,d,e,f,g", 6)).toHaveLength(6);
    expect([idsOf(null, 6), runsPath(["a", "b"]), groupPath("g")]).toEqual([[], "/compare?runs=a,b", "/compare?group=g"]);
  });

  test("images found by both are counted among the first ones", () => {
    const hits = (...ids: number[]) => ids.map((image_id) => ({ image_id }));
    expect(inBoth(hits(1, 2, 3), hits(3, 1, 9), 3)).toBe(2);
    expect(inBoth(hits(1, 2, 3), hits(9, 1, 3), 2)).toBe(1);
  });
});
