/** The rules for a caption's text, as the server has them (`common/captions/text.py`). Pure. */
import { count } from "../format";

export const MAX_CAPTION_CHARS = 2000;
/** Captions of one image: slots 0 to 9. */
export const MAX_CAPTIONS = 10;

const INVISIBLE_ENDS = /^[\s\ufeff]+|[\s\ufeff]+$/gu;
/** Control characters and lone surrogates, which a caption cannot carry. */
const BREAKS = /[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+/gu;

/** One line in Unicode's composed form, each run of spaces, TABs and line ends one space. */
export function oneLine(text: string): string {
  return text.replace(BREAKS, " ").normalize("NFC").replace(/\s+/gu, " ").replace(INVISIBLE_ENDS, "");
}

/** There is something to see: not only spaces, joiners and direction marks. */
export const isVisible = (text: string): boolean => /[^\s\p{Cf}]/u.test(text);

/** Why a text cannot be saved, in one sentence; null when it can. An empty text is no matter of this. */
export function problemOf(text: string): string | null {
  const chars = [...oneLine(text)].length;
  if (chars <= MAX_CAPTION_CHARS) return null;
  return `The caption is ${count(chars)} characters; the limit is ${count(MAX_CAPTION_CHARS)}. Shorten it: CLIP reads only the first 77 tokens.`;
}
