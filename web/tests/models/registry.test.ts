import { describe, expect, test } from "vitest";
import type { Job } from "../../src/api/jobs";
import type { Model } from "../../src/api/models";
import { modelPath, modelsPath } from "../../src/pages/models/list/addresses";
import { baseName, bestOf, fitting, loadSnippet, lostText, pointsLost, recallArrow, tagsFrom, tagsIn, untunedId, usesOf, withTag } from "../../src/pages/models/list/model-words";
import { lineageFacts, settingFacts } from "../../src/pages/models/model/lineage";

const model = (change: Partial<Model>): Model =>
  ({ id: "m", name: "m", kind: "finetuned", architecture: "ViT-B-32", base: "ViT-B-32/openai", source: "trained", note: "", tags: [], indexes: [], is_default_for: [], metrics: {}, dataset_id: "birds", created_at: "2026-01-01", ...change }) as Model;

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
