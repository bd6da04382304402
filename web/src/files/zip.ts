/** A zip archive of small files, not compressed (PKWARE's APPNOTE.TXT, 4.3). */

const TABLE = new Uint32Array(256).map((_, number) => {
  let word = number;
  for (let bit = 0; bit < 8; bit++) word = word & 1 ? 0xedb88320 ^ (word >>> 1) : word >>> 1;
  return word >>> 0;
});

/** CRC-32 as zip has it. Pure. */
export function crc32(data: Uint8Array): number {
  let word = 0xffffffff;
  for (const byte of data) word = TABLE[(word ^ byte) & 0xff]! ^ (word >>> 8);
  return (word ^ 0xffffffff) >>> 0;
}

export interface ZipFile {
  name: string;
  data: Uint8Array<ArrayBuffer>;
}

const UTF8_NAME = 0x800;
const YEAR_1980 = 0x21;

/** What the header before a file and its entry in the list at the end have in common: 26 bytes. */
function facts(file: ZipFile, nameBytes: number): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(26));
  view.setUint16(0, 20, true);
  view.setUint16(2, UTF8_NAME, true);
  view.setUint16(8, YEAR_1980, true);
  view.setUint32(10, crc32(file.data), true);
  view.setUint32(14, file.data.length, true);
  view.setUint32(18, file.data.length, true);
  view.setUint16(22, nameBytes, true);
  return view;
}

function signature(...bytes: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array([0x50, 0x4b, ...bytes]);
}

/** The archive. At most 65,535 files, 4 GiB. */
export function storedZip(files: readonly ZipFile[]): Blob {
  const body: BlobPart[] = [];
  const list: BlobPart[] = [];
  let at = 0;
  let listBytes = 0;
  for (const file of files) {
    const name = new TextEncoder().encode(file.name);
    const common = facts(file, name.length);
    const tail = new DataView(new ArrayBuffer(14));
    tail.setUint32(10, at, true);
    body.push(signature(3, 4), common, name, file.data);
    list.push(signature(1, 2), new Uint8Array([20, 0]), common, tail, name);
    at += 30 + name.length + file.data.length;
    listBytes += 46 + name.length;
  }
  const end = new DataView(new ArrayBuffer(18));
  end.setUint16(4, files.length, true);
  end.setUint16(6, files.length, true);
  end.setUint32(8, listBytes, true);
  end.setUint32(12, at, true);
  return new Blob([...body, ...list, signature(5, 6), end], { type: "application/zip" });
}
