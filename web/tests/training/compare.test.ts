import { describe, expect, test } from "vitest";
import type { Job } from "../../src/api/jobs";
import { groupPath, idsOf, runsPath } from "../../src/pages/training/compare/addresses";
import { bestRun, figureRows, inBoth } from "../../src/pages/training/compare/figures";
import { paramRows } from "../../src/pages/training/compare/params-table";

const job = (result: Record<string, unknown> | null, params: Record<string, unknown> = {}): Job => ({ id: "j", kind: "train", state: "succeeded", params, result }) as unknown as Job;

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

describe("settings side by side", () => {
  test("settings that differ come first and are marked", () => {
    const rows = paramRows([{ params: { model: "a", epochs: 3, name: "x" } }, { params: { model: "a", epochs: 5, lr: 1 } }]);
    expect(rows).toEqual([
      { name: "epochs", values: ["3", "5"], differs: true },
      { name: "lr", values: ["-", "1"], differs: true },
      { name: "model", values: ["a", "a"], differs: false },
    ]);
  });
});
