import { describe, expect, test } from "vitest";
import type { Job } from "../src/api/types";
import { LARGE_BYTES, sorted, summed } from "../src/state/batches";
import { sha256, sha256Plain } from "../src/text/sha256";
import { crc32, storedZip } from "../src/text/zip";

const bytesOf = (length: number) => new Uint8Array(length).map((_, index) => (index * 31 + (index >> 5)) & 255);

describe("hashes of files", () => {
  test.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 100_003])("%i bytes have the same hash as elsewhere", async (length) => {
    const data = bytesOf(length);
    expect(sha256Plain(data)).toBe(await sha256(data.buffer)); // the second one by the platform
  });

  test("is the one of the standard", () => {
    expect(sha256Plain(new TextEncoder().encode("abc"))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});

describe("a zip of captions", () => {
  test("begins each file with its name and ends with their list", async () => {
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
    const data = new TextEncoder().encode("a dog\n") as Uint8Array<ArrayBuffer>;
    const zip = new DataView(await storedZip([{ name: "sub/ä.txt", data }, { name: "b.txt", data }]).arrayBuffer());
    expect(zip.getUint32(0, true)).toBe(0x04034b50);
    const end = zip.byteLength - 22;
    expect(zip.getUint32(end, true)).toBe(0x06054b50);
    expect(zip.getUint16(end + 10, true)).toBe(2);
    const list = zip.getUint32(end + 16, true);
    expect(zip.getUint32(list, true)).toBe(0x02014b50);
    expect(list + zip.getUint32(end + 12, true)).toBe(end);
  });
});

describe("uploads", () => {
  const file = (name: string, size = 1) => ({ name, size });

  test("images go first, captions follow, and what systems leave in folders stays out", () => {
    const files = ["a.txt", "set/a.PNG", "index.csv", "set/.DS_Store", "__MACOSX/set/._a.png", "set/Thumbs.db", "b.caption"].map((name) => file(name));
    const zip = file("set.zip", LARGE_BYTES + 1);
    const found = sorted([...files, zip]);
    expect(found.small.map((one) => one.name)).toEqual(["set/a.PNG"]);
    expect(found.large).toEqual([zip]);
    expect(found.captions.map((one) => one.name)).toEqual(["a.txt", "index.csv", "b.caption"]);
  });

  test("the jobs of one upload are told as one", () => {
    const job = (result: Job["result"], done: number, total: number) => ({ result, progress: { done, total } }) as unknown as Job;
    const captions = { written: 3, unchanged: 1, kept_count: 2, unmatched_count: 0, rejected: [{ name: "c.txt", reason: "empty" }], rejected_count: 1 };
    const sum = summed([
      job({ added: 2, duplicates: 1, rejected: [{ name: "x", reason: "no image" }], rejected_count: 140 }, 143, 143),
      job(null, 10, 40),
      job({ added: 1, duplicates: 0, rejected: [], captions }, 3, 3),
    ]);
    expect(sum).toMatchObject({ added: 3, duplicates: 1, rejected: 140, done: 156, total: 186 });
    expect(sum.reasons).toEqual([{ name: "x", reason: "no image" }]);
    expect(sum.captions).toMatchObject({ written: 3, unchanged: 1, kept: 2, rejected: 1 });
    expect(summed([]).captions).toBeNull();
  });
});
