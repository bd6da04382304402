import { describe, expect, test } from "vitest";
import { ago, bytes, count, countOf, duration, exact, millions, millisOf, percent, rate, short, tookSeconds } from "../../src/text/format";

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
