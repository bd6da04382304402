import { describe, expect, test } from "vitest";
import type { JobEvent } from "../../src/api/events";
import type { Job } from "../../src/api/jobs";
import { isFullJob, mergeEvent, mergeRecord } from "../../src/state/jobs/job-records";

const job = (change: Partial<Job> = {}): Job =>
  ({ id: "7", kind: "train", state: "running", seq: 4, params: {}, notes: [], error: null, result: null, ...change }) as Job;
const event = (change: Partial<JobEvent> = {}): JobEvent => ({
  job_id: "7",
  kind: "train",
  dataset_id: "birds",
  state: "running",
  seq: 5,
  done: 2,
  total: 10,
  unit: "epoch",
  ...change,
});

describe("events", () => {
  test("a newer event moves the progress on", () => {
    expect(mergeEvent(job(), event())).toMatchObject({ seq: 5, progress: { done: 2, total: 10, unit: "epoch", eta_s: null } });
  });

  test.each([3, 4])("seq %i was seen and changes nothing", (seq) => {
    const known = job();
    expect(mergeEvent(known, event({ seq, state: "failed" }))).toBe(known);
  });

  test("an event of an unknown job does not make up a job", () => {
    expect(mergeEvent(undefined, event())).toBeUndefined();
  });

  test("an event without an error keeps the known one", () => {
    const error = { code: "worker_lost", message: "lost", remedy: "retry" };
    expect(mergeEvent(job({ error }), event())?.error).toEqual(error);
    expect(mergeEvent(job({ error }), event({ error: null }))?.error).toBeNull();
  });
});

describe("records", () => {
  test("a record with a lower seq is old news", () => {
    const known = job({ seq: 9, state: "succeeded" });
    expect(mergeRecord(known, job({ seq: 8 }))).toBe(known);
  });

  test("a record with the same seq is taken: the place in the queue changes without one", () => {
    expect(mergeRecord(job({ queue_position: 3 }), job({ queue_position: 1 })).queue_position).toBe(1);
  });

  test("a record without progress gets an empty one", () => {
    expect(mergeRecord(undefined, job()).progress).toEqual({ done: null, total: null, unit: null, message: null, metrics: {}, eta_s: null });
  });

  test("snapshots may be full jobs or flat records", () => {
    expect([isFullJob(job()), isFullJob(event())]).toEqual([true, false]);
  });
});
