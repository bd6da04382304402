import { describe, expect, test } from "vitest";
import { pairWords } from "../../src/pages/augment/split/near-duplicates";

describe("near-duplicates", () => {
  test("a pair says how near it is by each measure", () => {
    expect(pairWords({ images: [1, 2], bits: 0, cosine: null })).toBe("same hash");
    expect(pairWords({ images: [1, 2], bits: 3, cosine: 0.9912 })).toBe("3 of 64 bits differ, cosine 0.991");
    expect(pairWords({ images: [1, 2], bits: null, cosine: 0.98 })).toBe("cosine 0.980");
  });
});
