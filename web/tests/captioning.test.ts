import { describe, expect, test } from "vitest";
import type { ImageItem } from "../src/api/types";
import { Ahead } from "../src/pages/caption/ahead";
import { COMMANDS } from "../src/pages/caption/commands";
import { chordOf, commandOf, DEFAULT_KEYS, isChanged, keptKeys, keyWords, problemWith, readKeys, withKey, withoutChange } from "../src/pages/caption/keymap";
import { freeSlot, slotBeside } from "../src/pages/caption/slot-order";
import { isEnough, positionIn } from "../src/pages/caption/stretch";
import { clampPan, factorWords, fitScale, zoomFactors } from "../src/pages/caption/zoom";
import { type Done, forgotten, lastText, noted, settledAs } from "../src/state/sitting";

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

describe("zoom", () => {
  const stage = { width: 800, height: 600 };

  test("a large picture fits, then shows its actual size, then twice that", () => {
    expect(fitScale({ width: 1600, height: 1200 }, stage)).toBe(0.5);
    expect(zoomFactors({ width: 1600, height: 1200 }, stage)).toEqual([1, 2]);
  });

  test("a small picture that was grown to fit is grown further", () => {
    expect(zoomFactors({ width: 200, height: 150 }, stage)).toEqual([8, 16]);
    expect(fitScale({ width: 10, height: 10 }, stage)).toBe(6);
  });

  test("a picture is never moved off the stage", () => {
    const picture = { width: 1600, height: 1200 };
    expect(clampPan({ x: 9999, y: -9999 }, picture, stage, 1)).toEqual({ x: 400, y: -300 });
    expect(clampPan({ x: 50, y: 50 }, picture, stage, 0.5)).toEqual({ x: 0, y: 0 });
  });

  test("factors have words", () => {
    expect([factorWords(1), factorWords(2), factorWords(8)]).toEqual(["actual size", "200 %", "800 %"]);
  });
});

describe("walking", () => {
  const stretch = { ids: [2, 5, 9, 12, 20], anchor: 9, position: 43, total: 340 };

  test("the place among all that fit follows the steps", () => {
    expect([5, 9, 12, 20].map((id) => positionIn(stretch, id))).toEqual([42, 43, 44, 45]);
  });

  test("an image that no longer fits stands behind those before it", () => {
    expect(positionIn({ ...stretch, ids: [2, 5, 12], anchor: 9 }, 9)).toBe(43);
  });

  test("a stretch with room on both sides is enough, at its end it is not", () => {
    const ids = Array.from({ length: 29 }, (_, at) => at + 1);
    const long = { ids, anchor: 15, position: 15, total: 100 };
    expect([isEnough(long, 15), isEnough(long, 22), isEnough(long, 27), isEnough(long, 40)]).toEqual([true, true, false, false]);
  });

  test("at the ends of the list nothing more is asked for", () => {
    expect([isEnough({ ids: [1, 2, 3], anchor: 2, position: 2, total: 3 }, 3), isEnough({ ids: [], anchor: 2, position: 0, total: 0 }, 2)]).toEqual([true, true]);
  });
});

describe("several captions", () => {
  test("one more caption takes the first free place, up to ten", () => {
    expect([freeSlot([0]), freeSlot([0, 2]), freeSlot(Array.from({ length: 10 }, (_, at) => at))]).toEqual([1, 1, null]);
  });

  test("the keys go round", () => {
    expect([slotBeside([0, 1, 3], 3, 1), slotBeside([0, 1, 3], 0, -1), slotBeside([0, 1, 3], 1, 1)]).toEqual([0, 3, 3]);
  });
});

describe("a sitting", () => {
  const done = (change: Partial<Done> = {}): Done => ({ client_id: "a", image_id: 1, slot: 0, dataset_id: "birds", text: "a robin", before: null, revision: null, ...change });

  test("the caption saved before is copied, but not onto itself", () => {
    const sitting = [done(), done({ client_id: "b", image_id: 2, text: "a wren" })];
    expect([lastText(sitting, "birds", 3, 0), lastText(sitting, "birds", 2, 0), lastText(sitting, "fish", 3, 0)]).toEqual(["a wren", "a robin", null]);
  });

  test("a caption that was taken away is not copied", () => {
    expect(lastText([done(), done({ client_id: "b", image_id: 2, text: null })], "birds", 3, 0)).toBe("a robin");
  });

  test("a save learns its revision, and is forgotten when it is undone", () => {
    const sitting = settledAs([done(), done({ client_id: "b" })], "b", 4);
    expect(sitting.map((one) => one.revision)).toEqual([null, 4]);
    expect(forgotten(sitting, "b")).toHaveLength(1);
  });

  test("only the last two hundred are remembered", () => {
    const many = Array.from({ length: 250 }, (_, at) => done({ client_id: String(at) })).reduce<Done[]>((all, one) => noted(all, one), []);
    expect([many.length, many[0]?.client_id]).toEqual([200, "50"]);
  });
});

describe("images claimed ahead", () => {
  const item = (id: number) => ({ id }) as ImageItem;

  function queue(free: number[], size = 2) {
    const released: number[] = [];
    const asked: number[] = [];
    const ahead = new Ahead(
      {
        claim: (after) => {
          asked.push(after);
          const id = free.find((one) => one > after);
          if (id === undefined) return Promise.resolve(null);
          free.splice(free.indexOf(id), 1);
          return Promise.resolve(item(id));
        },
        release: (id) => {
          released.push(id);
          free.push(id);
          free.sort((a, b) => a - b);
        },
        changed: () => undefined,
      },
      size,
    );
    return { ahead, released, asked };
  }
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
  const idsOf = (ahead: Ahead) => ahead.waiting.map((one) => one.id);

  test("the next ones are there before they are asked for", async () => {
    const { ahead } = queue([2, 3, 4, 5]);
    ahead.show(1);
    expect(ahead.upcoming.state).toBe("looking");
    await settle();
    expect(idsOf(ahead)).toEqual([2, 3]);
    ahead.show(2);
    await settle();
    expect(idsOf(ahead)).toEqual([3, 4]);
  });

  test("when none is left it says so, and looks again later", async () => {
    const free = [2];
    const { ahead } = queue(free);
    ahead.show(1);
    await settle();
    ahead.show(2);
    await settle();
    expect(ahead.upcoming.state).toBe("none");
    free.push(9);
    ahead.lookAgain();
    await settle();
    expect(idsOf(ahead)).toEqual([9]);
  });

  test("going back keeps the image that was left first in the queue", async () => {
    const { ahead, released } = queue([2, 3, 4, 5]);
    ahead.show(1);
    await settle();
    ahead.show(2);
    await settle();
    ahead.leave(item(2), 1);
    ahead.show(1);
    await settle();
    expect([idsOf(ahead), released]).toEqual([[2, 3, 4], []]);
  });

  test("an image that was left behind without a caption is given back", async () => {
    const { ahead, released } = queue([2, 3, 4]);
    ahead.show(1);
    await settle();
    ahead.show(2);
    ahead.leave(item(2), 3);
    ahead.show(3);
    expect(released).toEqual([2]);
  });

  test("a jump begins a queue behind it, and gives the old one back once the new one is there", async () => {
    const { ahead, released } = queue([2, 3, 20, 21]);
    ahead.show(1);
    await settle();
    ahead.show(10);
    await settle();
    expect([idsOf(ahead), released]).toEqual([[20, 21], [2, 3]]);
  });

  test("leaving the page gives everything back", async () => {
    const { ahead, released } = queue([2, 3]);
    ahead.show(1);
    await settle();
    ahead.end();
    expect([idsOf(ahead), released]).toEqual([[], [2, 3]]);
  });

  test("a claim that comes after leaving is given back, too", async () => {
    const { ahead, released } = queue([2, 3]);
    ahead.show(1);
    ahead.end();
    await settle();
    expect([idsOf(ahead), released]).toEqual([[], [2]]);
  });

  test("a network that is away is asked again, not taken for the end", async () => {
    let isAway = true;
    const ahead = new Ahead({ claim: () => (isAway ? Promise.reject(new Error("away")) : Promise.resolve(item(7))), release: () => undefined, changed: () => undefined }, 1);
    ahead.show(1);
    await settle();
    expect(ahead.upcoming.state).toBe("looking");
    isAway = false;
    ahead.lookAgain();
    await settle();
    expect(idsOf(ahead)).toEqual([7]);
  });
});
