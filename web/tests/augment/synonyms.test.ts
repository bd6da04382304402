import { describe, expect, test } from "vitest";
import { changeCount, changesOf, changeWords, mergedOnto } from "../../src/pages/augment/synonyms/map/changes";
import { entriesOf, found, hasWord, imported, mapProblem, problemOf, problemsByWord, typedSynonyms, withNew, without, withoutSynonym, withSynonyms, withWord, writeMap } from "../../src/pages/augment/synonyms/map/entries";

const MAP = { big: ["large"], dog: ["hound", "canine"], "hot dog": [] };
const words = (entries: { word: string }[]) => entries.map((one) => one.word);

describe("a map while it is edited", () => {
  test("survives being taken apart and written", () => {
    expect(JSON.parse(writeMap(entriesOf(MAP)))).toEqual(MAP);
    expect(writeMap([])).toBe("{}\n");
  });

  test("a word that is listed twice is written twice, so that the service sees it", () => {
    const twice = withNew(entriesOf({ a: ["b"] }), "a", ["c"]);
    expect(writeMap(twice)).toBe('{\n  "a": ["c"],\n  "a": ["b"]\n}\n');
  });

  test("words and synonyms are added, renamed and removed, each once", () => {
    const [big, dog] = entriesOf(MAP);
    const entries = [big!, dog!];
    expect(withSynonyms(entries, dog!.id, ["Hound", "pooch", "pooch"])[1]!.synonyms).toEqual(["hound", "canine", "pooch"]);
    expect(withoutSynonym(entries, dog!.id, 0)[1]!.synonyms).toEqual(["canine"]);
    expect(words(withWord(entries, big!.id, "huge"))).toEqual(["huge", "dog"]);
    expect(words(without(entries, big!.id))).toEqual(["dog"]);
    expect(hasWord(entries, "  BIG ")).toBe(true);
  });

  test("several synonyms can be typed or pasted at once", () => {
    expect(typedSynonyms(" big, very  large;huge\n,")).toEqual(["big", "very large", "huge"]);
    expect(typedSynonyms(" , ")).toEqual([]);
  });

  test("search finds words and synonyms, the very word first", () => {
    expect(words(found(entriesOf(MAP), "dog"))).toEqual(["dog", "hot dog"]);
    expect(words(found(entriesOf(MAP), "HOUND"))).toEqual(["dog"]);
    expect(found(entriesOf(MAP), " ")).toHaveLength(3);
    expect(found(entriesOf(MAP), "zebra")).toEqual([]);
  });

  test("problems stand at their entry, those of the map apart", () => {
    const problems = problemsByWord([{ entry: "dog", problem: "is listed twice" }, { entry: "", problem: "it has 20,001 entries" }]);
    const [big, dog] = entriesOf(MAP);
    expect(problemOf(dog!, problems)).toBe("is listed twice");
    expect(problemOf(big!, problems)).toBeUndefined();
    expect(mapProblem(problems)).toBe("it has 20,001 entries");
    expect(problemOf({ id: 0, word: "", synonyms: [] }, problems)).toBeUndefined();
    const empty = problemsByWord([{ entry: "", problem: "is empty: a word is missing" }]);
    expect(problemOf({ id: 0, word: "", synonyms: [] }, empty)).toBe("is empty: a word is missing");
    expect(mapProblem(empty)).toBeUndefined();
  });
});

describe("importing a file", () => {
  test("its entries come in front or take the place of the same word; the others stay", () => {
    const taken = imported(entriesOf(MAP), '\uFEFF{"cat": ["feline"], "DOG": ["pooch"], "x": "y", "z": [1]}');
    expect(JSON.parse(writeMap(taken.entries))).toEqual({ cat: ["feline"], big: ["large"], dog: ["pooch"], "hot dog": [] });
    expect([taken.added, taken.replaced, taken.refused]).toEqual([1, 1, ["x", "z"]]);
  });

  test.each(["", "{", "[]", "null", '"red"'])("%j is refused", (text) => {
    expect(() => imported([], text)).toThrow(SyntaxError);
  });
});

describe("changes", () => {
  test("are counted by what they do to a word", () => {
    const entries = entriesOf({ big: ["large", "huge"], "hot dog": [], cat: [] });
    const changes = changesOf(MAP, entries);
    expect(changes).toEqual({ added: ["cat"], changed: ["big"], removed: ["dog"] });
    expect(changeWords(changes)).toBe("1 added, 1 changed, 1 removed");
    expect(changeCount(changesOf(MAP, entriesOf(MAP)))).toBe(0);
  });

  test("another spelling of the same word is a change", () => {
    expect(changesOf({ dog: ["x"] }, entriesOf({ Dog: ["x"] }))).toEqual({ added: [], changed: ["Dog"], removed: [] });
  });

  test("of two people are both kept", () => {
    const mine = entriesOf({ big: ["huge"], dog: ["hound", "canine"], "hot dog": [], cat: ["feline"] });
    const theirs = { big: ["large"], "hot dog": ["frankfurter"], bus: ["coach"] };
    const merged = mergedOnto(MAP, mine, theirs);
    expect(JSON.parse(writeMap(merged.entries))).toEqual({ big: ["huge"], "hot dog": ["frankfurter"], cat: ["feline"], bus: ["coach"] });
    expect(merged.clashes).toEqual([]);
  });

  test("of the same word are a clash: mine, or theirs if that is picked", () => {
    const mine = entriesOf({ big: ["huge"], "hot dog": [] });
    const theirs = { big: ["enormous"], dog: ["hound", "pooch"], "hot dog": [] };
    const merged = mergedOnto(MAP, mine, theirs);
    expect(merged.clashes).toEqual([
      { word: "big", mine: ["huge"], theirs: ["enormous"] },
      { word: "dog", mine: null, theirs: ["hound", "pooch"] },
    ]);
    expect(JSON.parse(writeMap(merged.entries))).toEqual({ big: ["huge"], "hot dog": [] });
    const picked = mergedOnto(MAP, mine, theirs, new Set(["big", "dog"]));
    expect(JSON.parse(writeMap(picked.entries))).toEqual(theirs);
  });

  test("that are alike are no clash", () => {
    const merged = mergedOnto(MAP, entriesOf({ big: ["huge"] }), { big: ["huge"] });
    expect(merged.clashes).toEqual([]);
    expect(words(merged.entries)).toEqual(["big"]);
  });
});
