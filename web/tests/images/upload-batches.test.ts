import { describe, expect, test } from "vitest";
import type { Job } from "../../src/api/jobs";
import { batches, LARGE_BYTES, sortedForUpload, uploadTotals } from "../../src/state/images/upload-batches";

describe("batches", () => {
  test("many files go in parts, a large one alone", () => {
    const sizes = (parts: { size: number }[][]) => parts.map((part) => part.map((file) => file.size));
    const files = [1, 1, 1, 90, 1].map((size) => ({ size }));
    expect(sizes(batches(files, 2, 10))).toEqual([[1, 1], [1], [90], [1]]);
    expect(batches([], 2, 10)).toEqual([]);
  });
});

describe("uploads", () => {
  const file = (name: string, size = 1) => ({ name, size });

  test("images go first, captions follow, and what systems leave in folders stays out", () => {
    const files = ["a.txt", "set/a.PNG", "index.csv", "set/.DS_Store", "__MACOSX/set/._a.png", "set/Thumbs.db", "b.caption"].map((name) => file(name));
    const zip = file("set.zip", LARGE_BYTES + 1);
    const found = sortedForUpload([...files, zip]);
    expect(found.small.map((one) => one.name)).toEqual(["set/a.PNG"]);
    expect(found.large).toEqual([zip]);
    expect(found.captions.map((one) => one.name)).toEqual(["a.txt", "index.csv", "b.caption"]);
  });

  test("the jobs of one upload are told as one", () => {
    const job = (result: Job["result"], done: number, total: number) => ({ result, progress: { done, total } }) as unknown as Job;
    const captions = { written: 3, unchanged: 1, kept_count: 2, unmatched_count: 0, rejected: [{ name: "c.txt", reason: "empty" }], rejected_count: 1 };
    const sum = uploadTotals([
      job({ added: 2, duplicates: 1, rejected: [{ name: "x", reason: "no image" }], rejected_count: 140 }, 143, 143),
      job(null, 10, 40),
      job({ added: 1, duplicates: 0, rejected: [], captions }, 3, 3),
    ]);
    expect(sum).toMatchObject({ added: 3, duplicates: 1, rejected: 140, done: 156, total: 186 });
    expect(sum.reasons).toEqual([{ name: "x", reason: "no image" }]);
    expect(sum.captions).toMatchObject({ written: 3, unchanged: 1, kept: 2, rejected: 1 });
    expect(uploadTotals([]).captions).toBeNull();
  });
});
