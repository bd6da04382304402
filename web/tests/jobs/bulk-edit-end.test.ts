import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Job } from "../../src/api/jobs";

const edit = (id: string, change: Partial<Job>): Job =>
  ({ id, kind: "edit_captions", seq: 1, state: "queued", params: {}, notes: [], error: null, result: null, created_at: "", ...change }) as Job;

describe("an edit of many captions offers to take it back", () => {
  let followEdit: (typeof import("../../src/state/captions/bulk-edits"))["followEdit"];
  let acceptJob: (typeof import("../../src/state/jobs/live-jobs"))["acceptJob"];
  let offered: () => (string | undefined)[];

  beforeEach(async () => {
    vi.resetModules();
    vi.stubGlobal("document", { hidden: false, addEventListener: () => undefined });
    vi.stubGlobal("window", { setInterval: () => 0, setTimeout: () => 0 });
    ({ followEdit } = await import("../../src/state/captions/bulk-edits"));
    ({ acceptJob } = await import("../../src/state/jobs/live-jobs"));
    const { toasts } = await import("../../src/state/toasts");
    offered = () => toasts.value.map((one) => one.action?.verb);
  });

  afterEach(() => vi.unstubAllGlobals());

  test("when it ends after its start was answered", () => {
    followEdit(edit("after", {}));
    acceptJob(edit("after", { seq: 5, state: "succeeded", result: { changed: 3 } }));
    expect(offered()).toEqual(["Undo"]);
  });

  test("when it has ended before its start was answered", () => {
    acceptJob(edit("before", { seq: 5, state: "succeeded", result: { changed: 3 } }));
    followEdit(edit("before", {}));
    expect(offered()).toEqual(["Undo"]);
  });

  test("once, however often its end is read", () => {
    followEdit(edit("twice", {}));
    const ended = edit("twice", { seq: 5, state: "succeeded", result: { changed: 3 } });
    acceptJob(ended);
    acceptJob({ ...ended });
    expect(offered()).toEqual(["Undo"]);
  });
});
