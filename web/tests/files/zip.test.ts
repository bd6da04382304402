import { describe, expect, test } from "vitest";
import { crc32, storedZip } from "../../src/files/zip";

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
