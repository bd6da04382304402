import { describe, expect, test } from "vitest";
import { prioritiesFor } from "../../src/pages/jobs/queue/priorities";
import { beforeAfterStep, beforeForDrop, clock, expectedText, movable, moved, pausedText, placeText } from "../../src/text/jobs/queue-words";

describe("a queue in words", () => {
  const now_ms = new Date(2026, 4, 5, 14, 0).getTime();
  const at = (minutes: number) => new Date(now_ms + minutes * 60_000).toISOString();

  test("times of today are short, others name their day", () => {
    expect([clock(at(32), now_ms), clock(at(24 * 60), now_ms)]).toEqual(["14:32", "Wed 14:00"]);
  });

  test("a waiting job says when it starts and ends, a running one when it ends", () => {
    const times = { estimated_start: at(3), estimated_end: at(8) };
    expect(expectedText({ state: "queued", ...times }, now_ms)).toBe("Starts in about 3 min, at 14:03. Ends about 14:08.");
    expect(expectedText({ state: "queued", estimated_start: at(0) }, now_ms)).toBe("Starts any moment.");
    expect([expectedText({ state: "running", ...times }, now_ms), expectedText({ state: "queued" }, now_ms), expectedText({ state: "failed", ...times }, now_ms)]).toEqual(["Ends about 14:08.", "", ""]);
  });

  test("a place comes with its reason", () => {
    expect(placeText({ queue_position: 2, queue_reason: "Behind 1 run" })).toBe("Place 2 in the queue. Behind 1 run.");
    expect(placeText({ queue_position: null })).toBe("In the queue.");
  });

  test("a pause names who and why", () => {
    const paused = { by: "anna", at: new Date().toISOString(), reason: "moving the rack." };
    expect(pausedText({ paused })).toMatch(/^Paused by anna at \d\d:\d\d: moving the rack\. What runs goes on; nothing new begins\.$/);
    expect(pausedText({ paused: null })).toBe("");
  });
});

describe("the order of a queue", () => {
  const jobs = ["a", "b", "c", "d"].map((id, index) => ({ id, created_by: index % 2 ? "ben" : "anna" }));
  const ids = (list: { id: string }[]) => list.map((one) => one.id).join("");

  test("a step up goes before the one above, a step down behind the one below", () => {
    expect([beforeAfterStep(jobs, "c", -1), beforeAfterStep(jobs, "b", 1), beforeAfterStep(jobs, "c", 1)]).toEqual(["b", "d", ""]);
    expect([beforeAfterStep(jobs, "a", -1), beforeAfterStep(jobs, "d", 1), beforeAfterStep(jobs, "x", 1)]).toEqual([null, null, null]);
  });

  test("who may not move all moves among their own", () => {
    const own = movable(jobs, false, "ben");
    expect([ids(own), ids(movable(jobs, true, "ben"))]).toEqual(["bd", "abcd"]);
    expect([beforeAfterStep(own, "d", -1), beforeAfterStep(own, "b", 1)]).toEqual(["b", ""]);
  });

  test("let go on another one it comes before it upwards, behind it downwards", () => {
    expect([beforeForDrop(jobs, "c", "a"), beforeForDrop(jobs, "a", "b"), beforeForDrop(jobs, "a", "d"), beforeForDrop(jobs, "a", "a")]).toEqual(["a", "c", "", null]);
  });

  test("the order after a move is shown at once", () => {
    expect([ids(moved(jobs, "c", "a")), ids(moved(jobs, "a", "")), ids(moved(jobs, "x", "a"))]).toEqual(["cabd", "bcda", "abcd"]);
  });

  test("others than admins lower a priority only", () => {
    expect(prioritiesFor(true, 5).length).toBe(10);
    expect(prioritiesFor(false, 6).map((one) => one.value)).toEqual(["6", "7", "8", "9"]);
  });
});
