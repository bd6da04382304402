import { describe, expect, test } from "vitest";
import { isVisible, oneLine, problemOf } from "../src/text/caption-line";
import { Vocabulary } from "../src/text/completion";
import { differences, sideOf } from "../src/text/differences";
import { filterQuery, filterWords, parseFilter } from "../src/text/image-filter";

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

describe("autocomplete", () => {
  const vocabulary = () => {
    const made = new Vocabulary();
    made.add([["robin", 9], ["robust", 2], ["red", 30], ["redstart", 3], ["Käuzchen", 4], ["don't", 5], ["père", 2], ["دائرة", 3]], [["a red circle", 8], ["a red square", 3], ["on a blue field", 5]]);
    return made;
  };

  test.each([
    ["a ro", "bin"],
    ["a Ro", "bin"],
    ["ein kä", "uzchen"],
    ["they don", "'t"],
    ["they don’", "t"],
    ["le pe\u0300", "re"],
    ["دا", "ئرة"],
    ["", ""],
    ["r", ""],
    ["a robin", ""],
    ["xyz", ""],
  ])("after %j comes %j", (text, rest) => {
    expect(vocabulary().complete(text)).toBe(rest);
  });

  test("a whole word that is the more frequent one stays alone", () => {
    expect(vocabulary().complete("the red")).toBe("");
  });

  test("a phrase goes on from its first words", () => {
    expect([vocabulary().complete("a red c"), vocabulary().complete("a red "), vocabulary().complete("it is on a b")]).toEqual(["ircle", "circle", "lue field"]);
  });

  test("what was just saved is known at once, and weighs more than a rare word", () => {
    const made = vocabulary();
    made.learn("a chrysanthemum beside a robust fence");
    expect([made.complete("one chr"), made.complete("beside a ")]).toEqual(["ysanthemum", "robust"]);
  });

  test("a rare word is written out once only", () => {
    expect(vocabulary().complete("a zebrafinch and another zeb")).toBe("rafinch");
  });

  test("a Chinese word is offered from its first sign", () => {
    const made = new Vocabulary();
    made.add([["红色", 3]], []);
    expect(made.complete("红")).toBe("色");
  });
});

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

describe("filters", () => {
  test("an address is read and written back in one order", () => {
    const filter = parseFilter(new URLSearchParams("q=a+cat&status=uncaptioned&flagged=true&reviewed=false&by=me&longer_than=60"));
    expect(filter).toEqual({ status: "uncaptioned", by: "me", q: "a cat", flagged: true, reviewed: false, longer_than: 60 });
    expect(filterQuery(filter)).toBe("?status=uncaptioned&by=me&q=a+cat&flagged=true&reviewed=false&longer_than=60");
  });

  test("what is not understood is left out", () => {
    expect(parseFilter(new URLSearchParams("status=odd&flagged=maybe&longer_than=-3&by=&else=1"))).toEqual({});
    expect(filterQuery({})).toBe("");
  });

  test("a filter has words", () => {
    expect(filterWords({ status: "captioned", by: "Ada", q: "cat", flagged: false, longer_than: 60 })).toBe('captioned, by Ada, with "cat", not flagged, longer than 60 tokens');
    expect([filterWords({ by: "me", reviewed: true }), filterWords({ has: "several" })]).toEqual(["mine, reviewed", "several captions"]);
  });
});
