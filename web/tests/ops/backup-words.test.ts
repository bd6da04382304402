import { expect, test } from "vitest";
import { type Backups, backupWord, failureOf, heldText, lostText, verifiedText } from "../../src/text/backup-words";

const now_ms = Date.parse("2026-05-05T14:00:00Z");
const run = { state: "succeeded", started_at: "2026-05-05T10:00:00Z", finished_at: "2026-05-05T10:05:00Z", is_scheduled: true, message: "", remedy: "" } as NonNullable<Backups["last"]>;
const failed = { ...run, state: "failed", message: "the disk is full", remedy: "Make room." } as typeof run;
const whole = {
  name: "a", place: "folder /b", finished_at: "2026-05-05T10:05:00Z", rows: 30_001, files: 20_001, size_bytes: 3 * 2 ** 30,
  missing: 0, damaged: 0, verified_at: null, wrong: 0,
} as NonNullable<Backups["whole"]>;
const all: Backups = { last: run, scheduled: run, whole, next_at: "2026-05-06T10:00:00Z" };

test("one word says how backups stand, and what is missed least comes first", () => {
  const words = (backups: Partial<Backups>) => backupWord({ ...all, ...backups }, now_ms);
  expect(words({})).toEqual({ tone: "done", word: "Made" });
  expect(words({ last: null, scheduled: null, whole: null })).toEqual({ tone: "failed", word: "Never made" });
  expect(words({ last: { ...run, state: "running" } }).word).toBe("Under way");
  expect(words({ scheduled: failed }).word).toBe("Failed");
  expect(words({ whole: { ...whole, wrong: 1 } }).tone).toBe("failed");
  expect(words({ whole: { ...whole, finished_at: "2026-05-03T13:00:00Z" } }).word).toBe("Old");
});

test("a scheduled backup that failed is told although one by hand was made since", () => {
  expect(failureOf({ ...all, scheduled: failed })?.remedy).toBe("Make room.");
  expect(failureOf(all)).toBeNull();
});

test("what a backup holds, and whether anybody has read it over", () => {
  expect(heldText(whole)).toBe("20,001 files, 3 GB, 30,001 rows");
  expect(verifiedText(whole, now_ms)).toContain("backup verify");
  expect(verifiedText({ verified_at: "2026-05-05T12:00:00Z", wrong: 0 }, now_ms)).toBe("2 h ago: all as it was written.");
  expect(verifiedText({ verified_at: "2026-05-05T12:00:00Z", wrong: 2 }, now_ms)).toContain("2 files are missing or damaged");
  expect(lostText(whole)).toBe("");
  expect(lostText({ missing: 1, damaged: 2 })).toContain("1 file missing, 2 images damaged");
});
