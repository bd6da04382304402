import { describe, expect, test } from "vitest";
import type { ImageItem } from "../../src/api/images";
import { badgesOf, badgeWords } from "../../src/pages/images/grid/badges";

describe("badges of an image", () => {
  const item = { filename: "a.png", caption: "a cat", captioned_by: "ada", reviewed_by: null, flagged_by: null } as unknown as ImageItem;
  const none = { sending: undefined, openAt: undefined };

  test("say how far it is, who flagged it and who has it open", () => {
    expect(badgeWords(badgesOf(item, null, none))).toBe("to do");
    expect(badgeWords(badgesOf({ ...item, reviewed_by: "bea" }, "a cat", none))).toBe("reviewed by bea");
    expect(badgeWords(badgesOf({ ...item, flagged_by: "bea", flag_note: "blurred" }, "a cat", { sending: undefined, openAt: "carl" }))).toBe("captioned by ada, flagged by bea: blurred, open at carl");
    expect(badgesOf(item, "a dog", { ...none, sending: "conflict" })[0]?.tone).toBe("failed");
  });
});
