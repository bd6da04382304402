import { describe, expect, test } from "vitest";
import { lastDays, roundTop } from "../src/charts/days";
import { fittingAddress } from "../src/pages/images/address";
import { partsOf, takenOver } from "../src/pages/images/changes";
import { BLANK_EDIT, editRequest, editVerb, previewWords, scopeWords } from "../src/pages/images/edit-form";
import { layoutOf, moved, rowsInSight } from "../src/pages/images/layout";
import { marksOf, markWords } from "../src/pages/images/marks";
import { clicked, everything, extended, inOrder, kept, NONE, only, portions, toggled } from "../src/pages/images/selection";
import { createPace } from "../src/state/pace";
import { filterQuery, parseFilter } from "../src/text/image-filter";
import { endingText } from "../src/text/words";
import type { ImageItem, Job } from "../src/api/types";

const IDS = [10, 20, 30, 40, 50, 60, 70];
const plain = { shiftKey: false, ctrlKey: false, metaKey: false };

describe("the grid's layout", () => {
  test("cells fill the width, and a phone still shows two beside each other", () => {
    const wide = layoutOf(5000, 1280, "medium");
    expect(wide.columns).toBe(7);
    expect(wide.columns * wide.cell_px + 6 * 8).toBeLessThanOrEqual(1280);
    expect(wide.rows).toBe(Math.ceil(5000 / 7));
    expect(layoutOf(3, 300, "large").columns).toBe(2);
    expect(layoutOf(0, 1280, "small").rows).toBe(0);
  });

  test("only the rows in sight are drawn, however many there are", () => {
    const layout = layoutOf(200_000, 1280, "medium");
    const [from, to] = rowsInSight(layout, 1000 * layout.row_px, 900);
    expect([from, to]).toEqual([997, 1000 + Math.ceil(900 / layout.row_px) + 3]);
    expect(rowsInSight(layout, -500, 900)[0]).toBe(0);
    expect(rowsInSight(layout, 1e9, 900)).toEqual([layout.rows, layout.rows]);
  });

  test.each([
    ["ArrowRight", 2, 3],
    ["ArrowRight", 9, 9],
    ["ArrowLeft", 0, 0],
    ["ArrowDown", 1, 5],
    ["ArrowDown", 6, 9],
    ["ArrowDown", 8, 8],
    ["ArrowUp", 2, 2],
    ["ArrowUp", 6, 2],
    ["Home", 6, 4],
    ["End", 4, 7],
    ["End", 8, 9],
    ["PageDown", 1, 9],
    ["PageUp", 9, 1],
    ["x", 1, null],
  ] as const)("%s leads from place %i to %s of ten in rows of four", (key, at, to) => {
    expect(moved(at, { key, ctrl: false }, 10, 4, 3)).toBe(to);
  });

  test("Ctrl with Home and End leads to the very first and last", () => {
    expect(moved(6, { key: "Home", ctrl: true }, 10, 4, 3)).toBe(0);
    expect(moved(6, { key: "End", ctrl: true }, 10, 4, 3)).toBe(9);
  });
});

describe("choosing images", () => {
  test("a click chooses one, Ctrl or Cmd one more or less, Shift a range", () => {
    let now = clicked(NONE, 20, IDS, plain, false);
    now = clicked(now, 40, IDS, { ...plain, ctrlKey: true }, false);
    expect(inOrder(now, IDS)).toEqual([20, 40]);
    expect(inOrder(clicked(now, 60, IDS, { ...plain, shiftKey: true }, false), IDS)).toEqual([40, 50, 60]);
    expect(inOrder(clicked(now, 60, IDS, { ...plain, shiftKey: true, metaKey: true }, false), IDS)).toEqual([20, 40, 50, 60]);
    expect(inOrder(clicked(now, 20, IDS, { ...plain, metaKey: true }, false), IDS)).toEqual([40]);
    expect(inOrder(clicked(now, 70, IDS, plain, false), IDS)).toEqual([70]);
  });

  test("a finger adds and takes away", () => {
    const two = clicked(clicked(NONE, 10, IDS, plain, true), 30, IDS, plain, true);
    expect(inOrder(two, IDS)).toEqual([10, 30]);
  });

  test("a range goes backwards too, and turns around its anchor", () => {
    const back = extended(only(40), 20, IDS);
    expect(inOrder(back, IDS)).toEqual([20, 30, 40]);
    expect(inOrder(extended(back, 60, IDS), IDS)).toEqual([40, 50, 60]);
    expect(inOrder(extended(NONE, 30, IDS), IDS)).toEqual([30]);
  });

  test("what is gone from the list is no longer chosen", () => {
    const all = everything(IDS);
    expect(kept(all, IDS)).toBe(all);
    expect(inOrder(kept(all, [20, 30]), [20, 30])).toEqual([20, 30]);
    expect(kept(only(10), [20]).anchor).toBeNull();
    expect(toggled(only(10), 10).chosen.size).toBe(0);
  });

  test("many are sent in portions, and an address takes as many as fit", () => {
    expect(portions([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(portions([], 2)).toEqual([]);
    const many = Array.from({ length: 5000 }, (_, index) => index + 100_000);
    const part = fittingAddress(many);
    expect(filterQuery({ ids: part }).length).toBeLessThan(3600);
    expect(part.length).toBeGreaterThan(300);
    expect(fittingAddress([1, 2])).toEqual([1, 2]);
    expect(parseFilter(new URLSearchParams(filterQuery({ ids: [3, 1] }))).ids).toEqual([3, 1]);
    expect(parseFilter(new URLSearchParams("ids=1,x")).ids).toBeUndefined();
  });
});

describe("a list that changes", () => {
  test("new images behind the last one are shown at once, other changes wait", () => {
    expect(takenOver([], [1, 2])).toEqual({ ids: [1, 2], waiting: 0 });
    expect(takenOver([1, 2, 3], [1, 2, 3, 4, 5])).toEqual({ ids: [1, 2, 3, 4, 5], waiting: 0 });
    expect(takenOver([1, 3, 5], [1, 2, 5, 6])).toEqual({ ids: [1, 3, 5, 6], waiting: 2 });
    const same = [1, 2];
    expect(takenOver(same, [1, 2]).ids).toBe(same);
  });

  test("records are fetched in whole parts", () => {
    expect(partsOf(IDS, 2, 4, 3)).toEqual([[10, 20, 30], [40, 50, 60]]);
    expect(partsOf(IDS, 6, 100, 3)).toEqual([[70]]);
    expect(partsOf([], 0, 10, 3)).toEqual([]);
  });
});

describe("the form of an edit", () => {
  const scope = { filter: { status: "captioned" as const }, chosen: null, count: 1240 };

  test("says for which images it is", () => {
    expect(scopeWords({ ...scope, filter: {} })).toBe("all 1,240 images");
    expect(scopeWords(scope)).toBe("all 1,240 images shown (captioned)");
    expect(scopeWords({ ...scope, chosen: [1] })).toBe("1 chosen image");
  });

  test("asks only once it is complete, and for chosen images without the filter", () => {
    expect(editRequest(BLANK_EDIT, scope)).toBeNull();
    expect(editRequest({ ...BLANK_EDIT, mode: "append", text: " " }, scope)).toBeNull();
    expect(editRequest({ ...BLANK_EDIT, find: "cat" }, scope)).toMatchObject({ mode: "replace", find: "cat", text: "", whole_words: true, filter: { status: "captioned" } });
    expect(editRequest({ ...BLANK_EDIT, mode: "clear" }, { ...scope, chosen: [7] })).toEqual({ mode: "clear", filter: {}, image_ids: [7] });
  });

  test("says what changes", () => {
    expect(previewWords({ count: 3, images: 2, unchanged: 0 })).toBe("3 captions of 2 images change.");
    expect(previewWords({ count: 1, images: 1, unchanged: 4 })).toBe("1 caption changes. 4 stay as they are.");
    expect(previewWords({ count: 0, images: 0, unchanged: 4 })).toBe("No caption changes.");
    expect(editVerb("prepend", 2)).toBe("Add to 2 captions");
  });

  test("the end of an edit and of its undo is told in numbers", () => {
    const job = (kind: string, result: object) => ({ kind, params: {}, state: "succeeded", progress: {}, result, error: null }) as unknown as Job;
    expect(endingText(job("edit_captions", { changed: 312, conflicts: 2, rejected_count: 1 }))).toBe("Edit captions: 312 captions changed, 2 left as changed meanwhile, 1 refused.");
    expect(endingText(job("undo_edit", { restored: 1, kept: 0 }))).toBe("Undo edit: 1 caption restored.");
  });
});

describe("marks of an image", () => {
  const item = { filename: "a.png", caption: "a cat", captioned_by: "ada", reviewed_by: null, flagged_by: null } as unknown as ImageItem;
  const none = { sending: undefined, openAt: undefined };

  test("say how far it is, who flagged it and who has it open", () => {
    expect(markWords(marksOf(item, null, none))).toBe("to do");
    expect(markWords(marksOf({ ...item, reviewed_by: "bea" }, "a cat", none))).toBe("reviewed by bea");
    expect(markWords(marksOf({ ...item, flagged_by: "bea", flag_note: "blurred" }, "a cat", { sending: undefined, openAt: "carl" }))).toBe("captioned by ada, flagged by bea: blurred, open at carl");
    expect(marksOf(item, "a dog", { ...none, sending: "conflict" })[0]?.tone).toBe("failed");
  });
});

describe("work per day", () => {
  test("days of rest are there, and people are added up", () => {
    const rows = [
      { day: "2026-11-22", name: "ada", captions: 3, reviews: 1 },
      { day: "2026-11-22", name: "bea", captions: 4, reviews: 0 },
      { day: "2026-10-01", name: "ada", captions: 9, reviews: 9 },
    ];
    const days = lastDays(rows, new Date("2026-11-23T23:30:00Z"), 3);
    expect(days).toEqual([
      { day: "2026-11-21", captions: 0, reviews: 0 },
      { day: "2026-11-22", captions: 7, reviews: 1 },
      { day: "2026-11-23", captions: 0, reviews: 0 },
    ]);
  });

  test("the axis ends at a round number", () => {
    expect([0, 5, 7, 82, 101, 392, 1240].map(roundTop)).toEqual([5, 5, 8, 100, 150, 400, 1500]);
  });
});

describe("the pace of refetching", () => {
  function stage() {
    let now_ms = 0;
    let isHidden = false;
    const timers: { at_ms: number; act: () => void }[] = [];
    const acts: [string, number][] = [];
    const pace = createPace(
      { every_ms: 2000, spread_ms: 400, now: () => now_ms, random: () => 0.5, later: (act, delay_ms) => void timers.push({ at_ms: now_ms + delay_ms, act }), isPaused: () => isHidden },
      (key) => acts.push([key, now_ms]),
    );
    const until = (end_ms: number) => {
      for (;;) {
        timers.sort((a, b) => a.at_ms - b.at_ms);
        const next = timers[0];
        if (!next || next.at_ms > end_ms) break;
        timers.shift();
        now_ms = next.at_ms;
        next.act();
      }
      now_ms = end_ms;
    };
    return { pace, acts, until, hide: (hidden: boolean) => (isHidden = hidden) };
  }

  test("many asks count once, and the next act keeps its distance", () => {
    const { pace, acts, until } = stage();
    for (let at_ms = 0; at_ms < 10_000; at_ms += 100) {
      until(at_ms);
      pace.ask("a");
    }
    until(20_000);
    expect(acts[0]).toEqual(["a", 200]);
    expect(acts.length).toBeLessThanOrEqual(6);
    acts.slice(1).forEach(([, at_ms], index) => expect(at_ms - (acts[index]?.[1] ?? 0)).toBeGreaterThanOrEqual(2000));
    pace.ask("b");
    until(21_000);
    expect(acts.at(-1)?.[0]).toBe("b");
  });

  test("a hidden tab does nothing until it is shown", () => {
    const { pace, acts, until, hide } = stage();
    hide(true);
    pace.ask("a");
    until(60_000);
    pace.ask("a");
    until(120_000);
    expect(acts).toEqual([]);
    hide(false);
    pace.resume();
    until(121_000);
    expect(acts.length).toBe(1);
  });
});
