import { describe, expect, test } from "vitest";
import type { MetricPoint } from "../../src/api/jobs";
import { appended, joined, livePoints, overMinutes } from "../../src/pages/training/run/run-points";

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
