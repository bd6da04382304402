import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { tokenCounter } from "../../src/text/captions/bpe";
import { estimateTokens, tokenWords } from "../../src/text/captions/tokens";

// captions and counts of common.captions.clip_tokens.count_tokens, written by fixtures/make_clip_tokens.py
const counted = JSON.parse(readFileSync(new URL("../fixtures/clip_tokens.json", import.meta.url), "utf-8")) as [string, number][];
/** open_clip's own list, as it is installed beside the dashboard. */
function merges(): string {
  const lib = new URL("../../../.venv/lib/", import.meta.url);
  const python = readdirSync(lib).find((name) => name.startsWith("python3"));
  return gunzipSync(readFileSync(new URL(`${python}/site-packages/open_clip/bpe_simple_vocab_16e6.txt.gz`, lib))).toString("utf-8");
}
const NAMES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', eacute: "é" };
/** The names of signs that the fixtures use; in a browser its own parser decodes them. */
const unescape = (text: string): string =>
  text.replace(/&(?:#(\d+)|(\w+));/g, (whole, code?: string, name?: string) => (code ? String.fromCodePoint(Number(code)) : (NAMES[name ?? ""] ?? whole)));

describe("CLIP's tokens", () => {
  const count = tokenCounter(merges(), unescape);

  test("there are captions in many scripts to compare", () => {
    expect(counted.length).toBeGreaterThan(150);
  });

  test.each(counted)("%j has as many tokens as in Python", (text, tokens) => {
    expect(count(text)).toBe(tokens);
  });

  test("a caption of two thousand letters is counted in a moment", () => {
    const before = performance.now();
    count("wordish ".repeat(250));
    count("x".repeat(2000));
    expect(performance.now() - before).toBeLessThan(500);
  });
});

describe("words for a count", () => {
  test("only an estimate says about", () => {
    expect([tokenWords({ tokens: 12, isExact: true }), tokenWords({ tokens: 12, isExact: false })]).toEqual(["12 of 77 tokens", "about 12 of 77 tokens"]);
  });

  test("what CLIP does not read is said", () => {
    expect(tokenWords({ tokens: 81, isExact: true })).toBe("81 tokens, only 77 are read");
  });

  test("the estimate is near the exact count of plain English", () => {
    const text = "a small green triangle left of a yellow square on a white background";
    expect(Math.abs(estimateTokens(text) - tokenCounter(merges(), unescape)(text))).toBeLessThan(4);
  });
});

describe("an estimate of tokens", () => {
  test("tokens are words, signs and digits, with start and end", () => {
    expect(["", "a red circle", "a red circle, 12 stars"].map(estimateTokens)).toEqual([2, 5, 9]);
  });

  test("long words count as several tokens, also in other scripts", () => {
    expect(estimateTokens("antidisestablishmentarianism")).toBeGreaterThan(4);
    expect(estimateTokens("červený kruh")).toBe(4);
  });
});
