/** The little of Node that the tests use; the dashboard itself runs in browsers only. */
declare module "node:fs" {
  export function readdirSync(path: URL, options?: { recursive: boolean }): string[];
  export function readFileSync(path: string | URL): Uint8Array;
  export function readFileSync(path: string | URL, encoding: "utf-8"): string;
}

declare module "node:zlib" {
  export function gunzipSync(packed: Uint8Array): { toString(encoding: "utf-8"): string };
}
