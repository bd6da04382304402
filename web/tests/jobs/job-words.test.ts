import { describe, expect, test } from "vitest";
import type { Job } from "../../src/api/jobs";
import { endingText, fractionDone, jobTitle, progressText, timeLeft } from "../../src/text/jobs/job-words";

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
