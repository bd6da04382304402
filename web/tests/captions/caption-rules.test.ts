import { describe, expect, test } from "vitest";
import { isVisible, oneLine, problemOf } from "../../src/text/captions/caption-rules";

describe("a caption's line", () => {
  test("TABs, line ends and runs of spaces become one space", () => {
    expect(oneLine("  a red\n circle\t of\u2028light \x00 ")).toBe("a red circle of light");
  });

  test("letters are composed, half a surrogate pair is dropped", () => {
    expect(oneLine("Cafe\u0301 \ud83d ok")).toBe("Café ok");
  });

  test("emoji and right-to-left text stay as they are", () => {
    expect(oneLine("👨‍👩‍👧 دائرة")).toBe("👨‍👩‍👧 دائرة");
  });

  test("only what can be seen is a caption", () => {
    expect(["", " ", "\u200f\u200b", "\ufeff", "a", "😀"].map(isVisible)).toEqual([false, false, false, false, true, true]);
  });

  test("a text that is too long is refused with its length, an emoji counts once", () => {
    expect(problemOf("x".repeat(2140))).toBe("The caption is 2,140 characters; the limit is 2,000. Shorten it: CLIP reads only the first 77 tokens.");
    expect([problemOf("x".repeat(2000)), problemOf("😀".repeat(2000)), problemOf("")]).toEqual([null, null, null]);
  });
});
