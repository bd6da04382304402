/** The exact count of CLIP's tokens, once its list of merges is there; until then an estimate. */
import { signal } from "@preact/signals";
import { getMerges } from "../../../../api/captions";
import { tokenCounter } from "../../../../text/captions/bpe";
import { estimateTokens } from "../../../../text/captions/tokens";

const counter = signal<((text: string) => number) | null>(null);
let isAsked = false;

/** Decodes HTML's names of signs. The text is never parsed as elements: a textarea holds text only. */
function unescape(text: string): string {
  const reader = document.createElement("textarea");
  reader.innerHTML = text.replaceAll("<", "&lt;");
  return reader.value;
}

/** Fetches the list of merges, once, when the page has nothing better to do. */
export function loadTokenizer(): void {
  if (isAsked) return;
  isAsked = true;
  getMerges().then(
    (merges) => whenIdle(() => (counter.value = tokenCounter(merges, unescape))),
    () => (isAsked = false),
  );
}

function whenIdle(act: () => void): void {
  if (typeof requestIdleCallback === "function") requestIdleCallback(act, { timeout: 2000 });
  else setTimeout(act, 200);
}

/** Tokens of a caption, start and end included. */
export function tokensOf(text: string): { tokens: number; isExact: boolean } {
  const exact = counter.value;
  return exact ? { tokens: exact(text), isExact: true } : { tokens: estimateTokens(text), isExact: false };
}
