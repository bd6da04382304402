import { describe, expect, test } from "vitest";
import { sha256, sha256Plain } from "../../src/files/sha256";

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
