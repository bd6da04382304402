import { expect, test } from "vitest";
import type { Worker } from "../../src/api/ops";
import { onlyHere, ordersFor, stateText, stateWord } from "../../src/text/worker-words";

const now_ms = Date.parse("2026-05-05T14:00:00Z");
const worker = { name: "a", queues: ["cpu"] as string[], status: "ready", loading: null, asked: "run", asked_by: null, last_seen: "2026-05-05T13:55:00Z", last_loop_at: null } as Pick<Worker, "name" | "queues" | "status" | "loading" | "asked" | "asked_by" | "last_seen" | "last_loop_at">;

test("each state has a word and says what there is to say", () => {
  expect(stateWord({ status: "stuck" })).toEqual({ tone: "failed", word: "Does not take messages" });
  expect(stateText({ ...worker, status: "lost" }, now_ms)).toBe("Last seen 5 min ago.");
  expect(stateText({ ...worker, status: "loading", loading: "ViT-B-32/openai" }, now_ms)).toBe("ViT-B-32/openai");
  expect(stateText({ ...worker, status: "paused", asked: "pause", asked_by: "ada" }, now_ms)).toBe("Asked by ada.");
  expect(stateText({ ...worker, status: "waiting" }, now_ms)).toBe("Other runs of its host use it.");
  expect(stateText(worker, now_ms)).toBe("");
});

test("what can be asked follows from the state", () => {
  expect(ordersFor(worker)).toEqual(["drain", "pause", "stop"]);
  expect(ordersFor({ status: "drained", asked: "drain" })).toEqual(["resume", "stop"]);
  expect(ordersFor({ status: "lost", asked: "run" })).toEqual(["forget"]);
  expect(ordersFor({ status: "busy", asked: "stop" })).toEqual([]);
});

test("the last worker of a queue is told from the others", () => {
  const search = { ...worker, name: "s", queues: ["search"] };
  expect(onlyHere(search, [worker, search])).toEqual(["search"]);
  expect(onlyHere(worker, [worker, { ...worker, name: "b" }])).toEqual([]);
  expect(onlyHere(worker, [worker, { ...worker, name: "b", status: "paused" }])).toEqual(["cpu"]);
});
