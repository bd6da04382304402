import { describe, expect, test } from "vitest";
import { linesOf, toneOf } from "../../src/pages/jobs/run/log-lines";

describe("a log", () => {
  test("errors and warnings of a log are marked, progress bars overwrite themselves", () => {
    expect(["RuntimeError: CUDA out of memory", "UserWarning: slow", "Train Epoch: 0"].map(toneOf)).toEqual(["error", "warning", "plain"]);
    expect(linesOf("a\r\n10%\r50%\r100%\nlast\n")).toEqual(["a", "100%", "last"]);
  });
});
