import { describe, expect, test } from "vitest";
import { errorFrom, OFFLINE, query } from "../src/api/http";
import type { Job } from "../src/api/types";
import { ago, bytes, count, countOf, duration, exact, millions, millisOf, percent, rate, short, tookSeconds } from "../src/text/format";
import { estimateTokens } from "../src/text/tokens";
import { endingText, fractionDone, jobTitle, progressText, timeLeft } from "../src/text/words";

describe("numbers", () => {
  test("counts have thousands separators and a fitting noun", () => {
    expect([count(1240), countOf(1, "image"), countOf(1240, "image"), countOf(0, "query", "queries")]).toEqual(["1,240", "1 image", "1,240 images", "0 queries"]);
  });

  test("fractions are per cent", () => {
    expect([percent(0.312), percent(0), percent(1), percent(0.3125, 1)]).toEqual(["31 %", "0 %", "100 %", "31.3 %"]);
  });

  test("learning rates are short powers of ten", () => {
    expect([rate(1e-5), rate(2.5e-4), rate(0), rate(0.5), rate(9.999999e-5)]).toEqual(["1e-5", "2.5e-4", "0", "0.5", "1e-4"]);
  });

  test("any number is at most a few digits", () => {
    expect([short(3.30761), short(1240), short(0.00001), short(Number.NaN), short(12345.6)]).toEqual(["3.308", "1,240", "1e-5", "-", "12,346"]);
  });

  test("bytes and parameters have units", () => {
    expect([bytes(512), bytes(1536), bytes(3 * 1024 ** 3), millions(151_277_313), millions(8_109_465), millions(1.2e9)]).toEqual(["512 B", "1.5 KB", "3 GB", "151 M", "8.11 M", "1.2 B"]);
  });
});

describe("times", () => {
  test.each([
    [0, "0 s"],
    [45.4, "45 s"],
    [200, "3 min"],
    [3590, "1 h"],
    [5000, "1 h 23 min"],
    [7200, "2 h"],
    [200_000, "2 d 8 h"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  test("a time without a zone is UTC", () => {
    expect(millisOf("2026-11-20T10:00:00")).toBe(millisOf("2026-11-20T10:00:00Z"));
    expect(millisOf("2026-11-20T10:00:00+02:00")).toBe(millisOf("2026-11-20T08:00:00Z"));
  });

  test("how long ago is told in one unit", () => {
    const now_ms = millisOf("2026-11-20T12:00:00Z");
    const times = ["2026-11-20T11:59:40Z", "2026-11-20T11:55:00Z", "2026-11-20T09:00:00Z", "2026-11-17T12:00:00Z", "2026-11-20T12:00:30Z"];
    expect(times.map((time) => ago(time, now_ms))).toEqual(["just now", "5 min ago", "3 h ago", "3 d ago", "just now"]);
  });

  test("what is no time is shown as it is", () => {
    expect([ago("soon"), exact("soon")]).toEqual(["", "soon"]);
  });

  test("a job takes no time before its start", () => {
    expect(tookSeconds(null, null)).toBeNull();
    expect(tookSeconds("2026-11-20T12:00:00Z", "2026-11-20T12:01:30Z")).toBe(90);
  });
});

describe("jobs in words", () => {
  const job = (change: Partial<Job>): Job =>
    ({ kind: "train", state: "running", params: {}, error: null, eta_s: null, queue_position: null, progress: { done: 4, total: 10, unit: "epoch", message: null, metrics: {}, eta_s: 180 }, ...change }) as Job;

  test("jobs count their units", () => {
    const images = { done: 812, total: 1240, unit: "images", message: null, metrics: {}, eta_s: null };
    expect(progressText(job({ kind: "ingest", progress: images }))).toBe("812 of 1,240 images");
  });

  test("steps of a training are told as the epoch under way, after its end as the epochs done", () => {
    const at = (done: number) => ({ done, total: 50, unit: "steps", message: "training", metrics: {}, eta_s: null });
    const params = { epochs: 10 };
    const texts = [at(0.5), at(20), at(21), at(50)].map((progress) => progressText(job({ params, progress })));
    expect(texts).toEqual(["Epoch 1 of 10", "Epoch 4 of 10", "Epoch 5 of 10", "Epoch 10 of 10"]);
    expect(progressText(job({ params, progress: at(20), state: "stopped" }))).toBe("Epoch 4 of 10");
  });

  test("before its first step a job says what it does", () => {
    const progress = { done: 0, total: 1, unit: "steps", message: "loading torch", metrics: {}, eta_s: null };
    expect(progressText(job({ params: { epochs: 10 }, progress }))).toBe("loading torch");
    expect(progressText(job({ kind: "split", progress: { ...progress, done: null } }))).toBe("loading torch");
  });

  test("after its end a job no longer says what it does", () => {
    const progress = { done: null, total: null, unit: null, message: "looking for near-duplicates", metrics: {}, eta_s: null };
    expect(progressText(job({ kind: "split", state: "succeeded", progress }))).toBe("");
  });

  test("a job that waits tells its place", () => {
    expect(progressText(job({ state: "queued", queue_position: 2 }))).toBe("Place 2 in the queue");
  });

  test("time left is told while the job is active only", () => {
    expect([timeLeft(job({})), timeLeft(job({ state: "stopped" }))]).toEqual(["3 min left", ""]);
  });

  test("stopped is never told as done", () => {
    expect(endingText(job({ state: "stopped", params: { epochs: 10 } }))).toBe("Train: stopped at epoch 4 of 10.");
    expect(fractionDone(job({ state: "stopped" }))).toBe(0.4);
  });

  test("a failure tells its message", () => {
    const error = { code: "worker_lost", message: "The worker was lost.", remedy: "" };
    expect(endingText(job({ state: "failed", error }))).toBe("Train: failed. The worker was lost.");
  });

  test("a named training goes by its name, others by kind and model", () => {
    expect(jobTitle(job({ params: { name: "first try", model: "ViT-B-32" } }))).toBe("first try");
    expect(jobTitle(job({ kind: "index", params: { model: "ViT-B-32/openai" } }))).toBe("Build index · ViT-B-32/openai");
  });
});

describe("captions", () => {
  test("tokens are words, signs and digits, with start and end", () => {
    expect(["", "a red circle", "a red circle, 12 stars"].map(estimateTokens)).toEqual([2, 5, 9]);
  });

  test("long words count as several tokens, also in other scripts", () => {
    expect(estimateTokens("antidisestablishmentarianism")).toBeGreaterThan(4);
    expect(estimateTokens("červený kruh")).toBe(4);
  });
});

describe("answers of the API", () => {
  test("an error keeps its code, message and remedy", () => {
    const error = errorFrom(409, { code: "no_split", message: "Not split.", remedy: "Split first." });
    expect(error).toMatchObject({ status: 409, code: "no_split", message: "Not split.", remedy: "Split first." });
  });

  test("a conflict's current caption is found beside the message", () => {
    expect(errorFrom(409, { code: "caption_conflict", message: "", remedy: "", current: { revision: 2 } }).details).toEqual({ current: { revision: 2 } });
  });

  test("a page of a proxy in front of a dead server counts as offline", () => {
    expect(errorFrom(502, "<html>Bad Gateway</html>")).toBe(OFFLINE);
  });

  test("a query leaves out what is not there", () => {
    expect([query({ q: "a&b", k: 3, model: undefined, like: null }), query({})]).toEqual(["?q=a%26b&k=3", ""]);
  });
});
