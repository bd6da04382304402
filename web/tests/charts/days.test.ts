import { describe, expect, test } from "vitest";
import { lastDays, roundTop } from "../../src/charts/days";

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
