import { describe, expect, test } from "vitest";
import { remedyFor } from "../../src/text/remedies";

describe("remedies", () => {
  test("no captions and no split lead to the place that mends them", () => {
    expect(remedyFor({ code: "no_captions" }, "birds")).toEqual({ label: "Caption images", href: "/d/birds/caption" });
    expect(remedyFor({ code: "no_split" }, "birds")).toEqual({ label: "Split captions", href: "/d/birds/prepare" });
  });

  test("a language model that fails offers synonyms", () => {
    expect(remedyFor({ code: "llm_failed" })).toEqual({ label: "Use synonyms instead", act: "synonyms" });
  });

  test("anything else can be tried again", () => {
    expect(remedyFor({ code: "gpu_out_of_memory" })).toEqual({ label: "Change the settings", act: "other-settings" });
    expect(remedyFor({ code: "store_unavailable" })).toEqual({ label: "Try again", act: "retry" });
  });
});
