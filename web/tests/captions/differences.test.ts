import { describe, expect, test } from "vitest";
import { differences, sideOf } from "../../src/text/captions/differences";

describe("differences", () => {
  test("words that are gone and new are marked, the rest is shared", () => {
    expect(differences("a red circle", "a blue circle")).toEqual([
      { text: "a ", kind: "same" },
      { text: "red", kind: "gone" },
      { text: "blue", kind: "new" },
      { text: " circle", kind: "same" },
    ]);
  });

  test("each side shows its own text", () => {
    const pieces = differences("a small red circle", "a red circle on white");
    const text = (side: "before" | "after") => sideOf(pieces, side).map((piece) => piece.text).join("");
    expect([text("before"), text("after")]).toEqual(["a small red circle", "a red circle on white"]);
  });

  test("equal and empty texts have none", () => {
    expect([differences("a", "a"), differences("", "")]).toEqual([[{ text: "a", kind: "same" }], []]);
  });
});
