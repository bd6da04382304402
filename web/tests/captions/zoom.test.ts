import { describe, expect, test } from "vitest";
import { clampPan, factorWords, fitScale, zoomFactors } from "../../src/pages/captions/caption/picture/zoom";

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
