import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const SRC = new URL("../src/", import.meta.url);
/** Each folder may use those before it; types may be named from anywhere but the pages. */
const LAYERS = ["files", "routing", "text", "api", "state", "charts", "design", "pages", "shell"];
const MOST_MODULES = 15;

const modules = readdirSync(SRC, { recursive: true }).map((path) => path.replaceAll("\\", "/")).filter((path) => /\.tsx?$/.test(path));

interface Import {
  from: string;
  to: string;
  isType: boolean;
}

function importsOf(path: string): Import[] {
  const text = readFileSync(new URL(path, SRC), "utf-8");
  const found = [...text.matchAll(/^import (type )?[^"]*"(\.[^"]+)";$/gm), ...text.matchAll(/import\((type )?"(\.[^"]+)"\)/g)];
  return found.map(([, type, to]) => ({ from: path, to: new URL(to ?? "", new URL(path, SRC)).href.slice(SRC.href.length), isType: type !== undefined }));
}

const layerOf = (path: string): number => LAYERS.indexOf(path.split("/")[0] ?? "");

test("every module has its layer", () => {
  expect(modules.filter((path) => layerOf(path) < 0)).toEqual(["main.tsx"]);
});

test("no layer uses one above it", () => {
  const upward = modules.flatMap(importsOf).filter(({ from, to, isType }) => {
    const isUp = layerOf(from) >= 0 && layerOf(to) > layerOf(from);
    return isUp && !(isType && layerOf(to) < LAYERS.indexOf("pages"));
  });
  expect(upward).toEqual([]);
});

test("no folder has more modules than one sees at a glance", () => {
  const counts = new Map<string, number>();
  for (const path of modules) {
    const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  expect([...counts].filter(([, count]) => count > MOST_MODULES)).toEqual([]);
});
