import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/pages/captions/caption/keys/commands";
import { chordOf, commandOf, DEFAULT_KEYS, isChanged, keptKeys, keyWords, problemWith, readKeys, withKey, withoutChange } from "../../src/pages/captions/caption/keys/keymap";

const key = (name: string, change = {}) => ({ key: name, code: "", altKey: false, ctrlKey: false, metaKey: false, shiftKey: false, isComposing: false, ...change });
const alt = (name: string, change = {}) => key(name, { altKey: true, ...change });

describe("keys", () => {
  test.each([
    [key("Enter"), "save"],
    [key("Enter", { shiftKey: true }), "stay"],
    [key("Escape"), "leave"],
    [key("PageDown"), "next"],
    [alt("ArrowRight"), "next"],
    [alt("ArrowLeft"), "previous"],
    [alt("s"), "skip"],
    [alt("g"), "flag"],
    [alt("G", { shiftKey: true }), "note"],
    [alt("u"), "undo"],
    [alt("2"), "accept2"],
    [key("F1"), "help"],
    [key("Tab"), "complete"],
    [key("Tab", { shiftKey: true }), null],
    [key("Backspace"), null],
    [key("a"), null],
    [key("z", { ctrlKey: true }), null],
  ])("%o means %s", (pressed, command) => {
    expect(commandOf(pressed, DEFAULT_KEYS, false)).toBe(command);
  });

  test("no key has two meanings at first", () => {
    const all = COMMANDS.flatMap(({ keys }) => [...keys]);
    expect(new Set(all).size).toBe(all.length);
  });

  test("a letter with Alt is known by its place where it writes another sign", () => {
    expect(chordOf(alt("ß", { code: "KeyS" }))).toBe("Alt+S");
    expect(chordOf(alt("ы", { code: "KeyS" }))).toBe("Alt+S");
    expect(chordOf(alt("!", { code: "Digit1", shiftKey: true }))).toBe("Alt+Shift+1");
  });

  test("a key that is an accent with Alt on a Mac is a key like any other there", () => {
    expect([chordOf(alt("Dead", { code: "KeyU" })), chordOf(key("Dead", { code: "Backquote" }))]).toEqual(["Alt+U", null]);
  });

  test("a letter goes by what it writes on any other layout", () => {
    expect(chordOf(alt("a", { code: "KeyQ" }))).toBe("Alt+A");
  });

  test("what AltGr writes is text", () => {
    expect(chordOf(alt("@", { ctrlKey: true, code: "KeyQ", getModifierState: (name: string) => name === "AltGraph" }))).toBeNull();
  });

  test("Enter that ends an input method's word saves nothing", () => {
    expect(commandOf(key("Enter", { isComposing: true }), DEFAULT_KEYS, false)).toBeNull();
  });

  test("a question mark is typed once there is text", () => {
    expect([commandOf(key("?"), DEFAULT_KEYS, true), commandOf(key("?"), DEFAULT_KEYS, false)]).toEqual(["help", null]);
  });

  test("keys are shown as they stand on a keyboard", () => {
    expect([keyWords("Alt+ArrowRight"), keyWords("Escape"), keyWords("Alt+Shift+G")]).toEqual(["Alt+→", "Esc", "Alt+Shift+G"]);
  });
});

describe("changed keys", () => {
  test("a key can be given to another command, and back", () => {
    const changed = withKey(DEFAULT_KEYS, "skip", "Alt+J");
    expect(commandOf(alt("j"), changed, false)).toBe("skip");
    expect(commandOf(alt("s"), changed, false)).toBeNull();
    expect([isChanged(changed, "skip"), isChanged(withoutChange(changed, "skip"), "skip")]).toEqual([true, false]);
  });

  test.each([
    ["Alt+G", 'Alt+G is taken: "Flag, or take the flag away". Give that one another key first.'],
    ["x", "x is for typing. Hold Alt or Ctrl with it."],
    ["Space", "Space is for typing. Hold Alt or Ctrl with it."],
    ["Backspace", "Backspace edits the text, as anywhere. Choose another key."],
    ["Ctrl+Z", "Ctrl+Z edits the text, as anywhere. Choose another key."],
    ["Shift+ArrowLeft", "Shift+← edits the text, as anywhere. Choose another key."],
    ["Ctrl+W", "The browser keeps Ctrl+W for itself. Choose another key."],
    ["Alt+F4", "The browser keeps Alt+F4 for itself. Choose another key."],
    ["F1", "F1 always opens the sheet of keys."],
  ])("%s is refused with a sentence", (chord, sentence) => {
    expect(problemWith(DEFAULT_KEYS, "skip", chord)).toBe(sentence);
  });

  test("a free key and the own one are taken", () => {
    expect([problemWith(DEFAULT_KEYS, "skip", "Alt+J"), problemWith(DEFAULT_KEYS, "skip", "Alt+S"), problemWith(DEFAULT_KEYS, "skip", "F8")]).toEqual([null, null, null]);
  });

  test("only what was changed is kept, and it is read back", () => {
    const changed = withKey(DEFAULT_KEYS, "skip", "Alt+J");
    expect(keptKeys(changed)).toBe('{"skip":["Alt+J"]}');
    expect(readKeys(keptKeys(changed))).toEqual(changed);
    expect(keptKeys(DEFAULT_KEYS)).toBe("{}");
  });

  test.each(["{", "null", '{"skip": 3}', '{"skip":["Alt+G"]}', '{"skip":[]}'])("what was kept as %s leaves the first keys", (text) => {
    expect(readKeys(text)).toEqual(DEFAULT_KEYS);
  });

  test("a first key that another command has now is not given twice", () => {
    const swapped = withKey(withKey(DEFAULT_KEYS, "skip", "Alt+J"), "flag", "Alt+S");
    expect(withoutChange(swapped, "skip")).toEqual(swapped);
  });
});
