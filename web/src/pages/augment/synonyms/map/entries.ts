/** A synonym map while it is edited: a list, since half-typed words may stand in it twice. Pure. */
import type { MapProblem, SynonymEntries } from "../../../../api/augment";

export interface Entry {
  /** Stays the same while the word is edited. */
  id: number;
  word: string;
  synonyms: readonly string[];
}

let lastId = 0;
const entry = (word: string, synonyms: readonly string[]): Entry => ({ id: (lastId += 1), word, synonyms });

export const entriesOf = (map: SynonymEntries): Entry[] => Object.entries(map).map(([word, synonyms]) => entry(word, synonyms));

/** The map as JSON, an entry a line; a word that is listed twice is written twice. */
export function writeMap(entries: readonly Entry[]): string {
  const lines = entries.map(({ word, synonyms }) => `  ${JSON.stringify(word)}: ${JSON.stringify(synonyms)}`);
  return lines.length === 0 ? "{}\n" : `{\n${lines.join(",\n")}\n}\n`;
}

/** What all spellings of a word have in common. */
export const folded = (word: string): string => word.normalize("NFC").trim().replace(/\s+/g, " ").toLowerCase().replaceAll("’", "'");

/** Synonyms as they are typed or pasted: one, or several with commas, semicolons or lines between them. */
export const typedSynonyms = (text: string): string[] =>
  text.split(/[,;\n]/).map((one) => one.trim().replace(/\s+/g, " ")).filter((one) => one !== "");

/** With a new entry in front. */
export const withNew = (entries: readonly Entry[], word: string, synonyms: readonly string[] = []): Entry[] => [entry(word, synonyms), ...entries];

export const without = (entries: readonly Entry[], id: number): Entry[] => entries.filter((one) => one.id !== id);

export const withWord = (entries: readonly Entry[], id: number, word: string): Entry[] =>
  entries.map((one) => (one.id === id ? { ...one, word } : one));

/** With more synonyms for an entry; those it has already are not added again. */
export function withSynonyms(entries: readonly Entry[], id: number, added: readonly string[]): Entry[] {
  return entries.map((one) => {
    if (one.id !== id) return one;
    const synonyms = [...one.synonyms];
    for (const text of added) if (!synonyms.some((known) => folded(known) === folded(text))) synonyms.push(text);
    return { ...one, synonyms };
  });
}

export const withoutSynonym = (entries: readonly Entry[], id: number, at: number): Entry[] =>
  entries.map((one) => (one.id === id ? { ...one, synonyms: one.synonyms.filter((_, place) => place !== at) } : one));

/** The entries with this text in their word or in a synonym; such with the very word first. */
export function found(entries: readonly Entry[], query: string): Entry[] {
  const text = folded(query);
  if (text === "") return [...entries];
  const rank = ({ word }: Entry): number => (folded(word) === text ? 0 : folded(word).startsWith(text) ? 1 : 2);
  return entries
    .filter(({ word, synonyms }) => folded(word).includes(text) || synonyms.some((one) => folded(one).includes(text)))
    .sort((a, b) => rank(a) - rank(b));
}

export const hasWord = (entries: readonly Entry[], word: string): boolean => entries.some((one) => folded(one.word) === folded(word));

/** What is wrong with each entry, by its word; under "" what is wrong with the map. */
export function problemsByWord(problems: readonly MapProblem[]): Map<string, string> {
  return new Map(problems.map(({ entry: word, problem }) => [word, problem]));
}

const MAX_NAMED_CHARS = 100; // the service names an entry by as much of its word
const OF_THE_MAP = /^it /; // what is wrong with the map as a whole begins so

/** What is wrong with the map as a whole. */
export const mapProblem = (problems: ReadonlyMap<string, string>): string | undefined => {
  const problem = problems.get("");
  return problem && OF_THE_MAP.test(problem) ? problem : undefined;
};

/** What is wrong with an entry. */
export function problemOf({ word }: Entry, problems: ReadonlyMap<string, string>): string | undefined {
  const problem = problems.get(word.slice(0, MAX_NAMED_CHARS));
  return word === "" && problem && OF_THE_MAP.test(problem) ? undefined : problem;
}

export interface Imported {
  entries: Entry[];
  added: number;
  replaced: number;
  /** Words whose value is no list of texts. */
  refused: string[];
}

/** The entries with those of a JSON file in place of their own. Throws SyntaxError unless it holds an object. */
export function imported(entries: readonly Entry[], text: string): Imported {
  const read: unknown = JSON.parse(text.replace(/^\uFEFF/, ""));
  if (typeof read !== "object" || read === null || Array.isArray(read)) throw new SyntaxError('it holds no object such as {"word": ["synonym"]}');
  const refused: string[] = [];
  const added: Entry[] = [];
  const replacing = new Map<string, readonly string[]>();
  for (const [word, value] of Object.entries(read)) {
    if (!Array.isArray(value) || !value.every((one) => typeof one === "string")) refused.push(word);
    else if (hasWord(entries, word)) replacing.set(folded(word), value);
    else added.push(entry(word, value));
  }
  const kept = entries.map((one) => ({ ...one, synonyms: replacing.get(folded(one.word)) ?? one.synonyms }));
  return { entries: [...added, ...kept], added: added.length, replaced: replacing.size, refused };
}
