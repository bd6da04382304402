import { describe, expect, test } from "vitest";
import type { Job } from "../../src/api/jobs";
import { alphaText, bestAlphaOf, blendSeries, blendsOf, forgettingOf } from "../../src/pages/training/run/blend-figures";

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
