/** Autocomplete from the words and phrases of a dataset's own captions. Pure. */

export type Counted = readonly (readonly [text: string, count: number])[];

const MIN_LETTERS = 2;
/** What was typed since the page was loaded weighs as much as so many captions of others. */
const LEARNED = 3;
const CONTEXT_WORDS = 3;
const WORD = /[\p{L}\p{N}\p{M}]+(?:['’-][\p{L}\p{N}\p{M}]+)*/gu;
const PARTIAL = /[\p{L}\p{N}\p{M}]+(?:['’-][\p{L}\p{N}\p{M}]*)*$/u;
/** Scripts without spaces between words: one sign is enough to begin with. */
const DENSE = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;

/** How two spellings are compared: composed, small letters, straight apostrophes. */
const folded = (text: string): string => text.normalize("NFC").toLowerCase().replaceAll("’", "'");

interface Candidate {
  text: string;
  weight: number;
}

function add(into: Map<string, Candidate>, text: string, weight: number): void {
  const key = folded(text);
  const known = into.get(key);
  if (known) known.weight += weight;
  else into.set(key, { text: text.normalize("NFC"), weight });
}

/** The heaviest candidate that goes on after `prefix` (folded); of equals the shortest. */
function best(of: ReadonlyMap<string, Candidate>, prefix: string): Candidate | null {
  let found: Candidate | null = null;
  for (const [key, candidate] of of) {
    if (key.length <= prefix.length || !key.startsWith(prefix)) continue;
    const isBetter = !found || candidate.weight > found.weight;
    const isShorter = found?.weight === candidate.weight && candidate.text.length < found.text.length;
    if (isBetter || isShorter) found = candidate;
  }
  return found;
}

/** Where the last `count` words before the end begin, nearest context last; the partial word included. */
function contextStarts(text: string): number[] {
  const starts = [...text.matchAll(WORD)].map((match) => match.index);
  return starts.slice(-CONTEXT_WORDS - 1);
}

/** The dataset's words; it learns while one types. */
export class Vocabulary {
  private readonly words = new Map<string, Candidate>();
  private readonly phrases = new Map<string, Candidate>();

  /** Adds what the server counted. */
  add(words: Counted, phrases: Counted): void {
    for (const [text, count] of words) add(this.words, text, count);
    for (const [text, count] of phrases) add(this.phrases, text, count);
  }

  /** Learns a caption that was just typed: its words, and the runs of two to four of them. */
  learn(caption: string): void {
    const found = [...caption.matchAll(WORD)];
    found.forEach((match) => add(this.words, match[0], LEARNED));
    found.forEach((first, at) => {
      for (const last of found.slice(at + 1, at + 4)) add(this.phrases, caption.slice(first.index, last.index + last[0].length), LEARNED);
    });
  }

  /**
   * What would go on after `text`, the caret at its end: the rest of a phrase that its last words
   * began, else the rest of its last word. Empty: nothing to offer.
   */
  complete(text: string): string {
    if (text.trim() === "") return "";
    return this.restOfPhrase(text) || this.restOfWord(text);
  }

  private restOfPhrase(text: string): string {
    const hasPartial = PARTIAL.test(text);
    const starts = contextStarts(text);
    const contexts = hasPartial ? starts.slice(0, -1) : /\s$/u.test(text) ? starts : [];
    for (const start of contexts) {
      const context = text.slice(start).normalize("NFC").replace(/\s+/gu, " ");
      const rest = best(this.phrases, folded(context))?.text.slice(context.length) ?? "";
      if (rest.trim() !== "") return rest;
    }
    return "";
  }

  private restOfWord(text: string): string {
    const partial = text.match(PARTIAL)?.[0].normalize("NFC") ?? "";
    if (partial.length < (DENSE.test(partial) ? 1 : MIN_LETTERS)) return "";
    const prefix = folded(partial);
    const found = best(this.wordsWith(text, partial), prefix);
    const whole = this.words.get(prefix);
    if (!found || (whole && whole.weight >= found.weight)) return "";
    return found.text.slice(partial.length);
  }

  /** The words, and those of the text itself: a rare word is written out once only. */
  private wordsWith(text: string, partial: string): ReadonlyMap<string, Candidate> {
    const own = [...text.slice(0, text.length - partial.length).matchAll(WORD)].filter((match) => !this.words.has(folded(match[0])));
    if (own.length === 0) return this.words;
    const all = new Map(this.words);
    own.forEach((match) => add(all, match[0], 1));
    return all;
  }
}
