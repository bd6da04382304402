import { describe, expect, test } from "vitest";
import type { Job } from "../../src/api/jobs";
import { recallText } from "../../src/text/models/recall";

describe("recall", () => {
  test("recall is told before and after", () => {
    const result = { recall_before: { t2i_r1: 0.31 }, recall_after: { t2i_r1: 0.58 } };
    expect(recallText({ result } as unknown as Job)).toBe("31 % \u2192 58 %");
    expect(recallText({ result: null })).toBe("");
  });
});
