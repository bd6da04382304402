/**
 * CLIP's byte-pair encoding, as far as counting needs it (Radford et al. 2021; Sennrich et al. 2016):
 * the same count as `common/captions/clip_tokens.py`. Pure. Not covered: ftfy's repair of text that was read in
 * a wrong encoding; nobody types such text.
 */

/** Merges that open_clip reads of its list; the file holds more. */
const MERGES = 49_152 - 256 - 2;
const WORD_END = "</w>";
const WORDS = /<start_of_text>|<end_of_text>|'[sſ]|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/gu;
const CACHED_WORDS = 20_000;

/** Decodes `&amp;` and its kind once; the browser's own parser knows all of them. */
export type Unescape = (text: string) => string;

// ftfy: what it spells out, straightens and drops before CLIP's tokenizer sees it
const LIGATURES: Record<string, string> = {
  Ĳ: "IJ", ĳ: "ij", ŉ: "ʼn", Ǳ: "DZ", ǲ: "Dz", ǳ: "dz", Ǆ: "DŽ", ǅ: "Dž", ǆ: "dž", Ǉ: "LJ", ǈ: "Lj", ǉ: "lj",
  Ǌ: "NJ", ǋ: "Nj", ǌ: "nj", ﬀ: "ff", ﬁ: "fi", ﬂ: "fl", ﬃ: "ffi", ﬄ: "ffl", ﬅ: "ſt", ﬆ: "st",
};
const LIGATURE = new RegExp(`[${Object.keys(LIGATURES).join("")}]`, "gu");
const WIDE = /[\u3000\uff01-\uffef]/gu;
const DROPPED = /[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/gu;

function fixed(text: string): string {
  return text
    .replace(LIGATURE, (letter) => LIGATURES[letter] ?? letter)
    .replace(WIDE, (letter) => letter.normalize("NFKC"))
    .replace(/[ʼ‘-‛]/gu, "'")
    .replace(/[“-‟]/gu, '"')
    .replace(DROPPED, "")
    .normalize("NFC");
}

function unescaped(text: string, unescape: Unescape): string {
  if (!text.includes("&")) return text;
  const once = unescape(text);
  return once === text ? text : unescaped(once, unescape);
}

/** What the encoding reads: fixed, decoded, one space between words, small letters. */
export function cleaned(text: string, unescape: Unescape): string {
  return unescaped(fixed(text), unescape).replace(/\s+/gu, " ").trim().toLowerCase();
}

/** A visible letter for each byte, as the list of merges writes it. */
function byteLetters(): string[] {
  const isVisible = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let hidden = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isVisible(byte) ? byte : 256 + hidden++));
}

/** Each merge's place in the list; a pair is written as in the file, with a space between. */
function ranksOf(merges: string): ReadonlyMap<string, number> {
  const lines = merges.split("\n", MERGES + 1).slice(1);
  return new Map(lines.map((line, rank) => [line.trimEnd(), rank]));
}

function joined(parts: readonly string[], left: string, right: string): string[] {
  const next: string[] = [];
  for (let at = 0; at < parts.length; at += 1) {
    const isPair = parts[at] === left && parts[at + 1] === right;
    next.push(isPair ? left + right : (parts[at] as string));
    if (isPair) at += 1;
  }
  return next;
}

/** Tokens of one word: the pair that stands first in the list is joined, until none is left. */
function piecesOf(letters: string[], ranks: ReadonlyMap<string, number>): number {
  let parts = letters;
  while (parts.length > 1) {
    let best = Number.POSITIVE_INFINITY;
    let at = 0;
    for (let index = 0; index + 1 < parts.length; index += 1) {
      const rank = ranks.get(`${parts[index]} ${parts[index + 1]}`);
      if (rank !== undefined && rank < best) [best, at] = [rank, index];
    }
    if (best === Number.POSITIVE_INFINITY) break;
    parts = joined(parts, parts[at] as string, parts[at + 1] as string);
  }
  return parts.length;
}

/**
 * Makes the counter of a list of merges (open_clip's `bpe_simple_vocab_16e6.txt`, decompressed).
 * The counter tells the tokens of a caption, start and end included.
 */
export function tokenCounter(merges: string, unescape: Unescape): (text: string) => number {
  const ranks = ranksOf(merges);
  const letters = byteLetters();
  const bytes = new TextEncoder();
  const known = new Map<string, number>();
  const countWord = (word: string): number => {
    const parts = [...bytes.encode(word)].map((byte) => letters[byte] as string);
    parts.push(`${parts.pop() ?? ""}${WORD_END}`);
    return piecesOf(parts, ranks);
  };
  const tokensOf = (word: string): number => {
    if (word === "<start_of_text>" || word === "<end_of_text>") return 1;
    const before = known.get(word);
    if (before !== undefined) return before;
    if (known.size >= CACHED_WORDS) known.clear();
    const tokens = countWord(word);
    known.set(word, tokens);
    return tokens;
  };
  return (text) => (cleaned(text, unescape).match(WORDS) ?? []).reduce((sum, word) => sum + tokensOf(word), 2);
}
