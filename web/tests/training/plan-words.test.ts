import { describe, expect, test } from "vitest";
import { guideText, placeOf } from "../../src/pages/training/train/plan-words";

describe("the plan in words", () => {
  test("the guide's figure stands beside our own", () => {
    expect(guideText({ hours: [1, 2], memory_gb: 4, images: 1000, epochs: 10 })).toBe("The guide's figure for this: 1 to 2 hours and 4 GB, for 1,000 images and 10 epochs.");
    expect(guideText({ hours: [1, 2], memory_gb: 4, images: 1000, epochs: 10, scaled_hours: [0.5, 1] })).toMatch(/; at the size of this run 30 min to 1 h\.$/);
  });

  test("the place is told with its number of GPUs", () => {
    expect([placeOf({ device: "cuda" }), placeOf({ device: "cuda:0", gpus: 2 }), placeOf({ device: "cpu" }), placeOf({ device: "cpu", gpus: 2 })]).toEqual(["on the GPU", "on 2 GPUs", "on the CPU", "on the CPU, 2 processes"]);
  });
});
