import { describe, expect, test } from "vitest";
import { Vocabulary } from "../../src/text/captions/completion";

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
