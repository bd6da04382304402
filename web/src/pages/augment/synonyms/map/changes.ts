/** What was changed in a synonym map, and putting changes of two people together. Pure. */
import type { SynonymEntries } from "../../../../api/augment";
import { entriesOf, type Entry, folded } from "./entries";

export interface Changes {
  added: string[];
  changed: string[];
  removed: string[];
}

const same = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.length === b.length && a.every((text, at) => text === b[at]));

const byWord = (entries: readonly Entry[]): Map<string, Entry> => new Map(entries.map((one) => [folded(one.word), one]));

/** The words that differ between a saved map and the edited one. */
export function changesOf(base: SynonymEntries, entries: readonly Entry[]): Changes {
  const before = byWord(entriesOf(base));
  const after = byWord(entries);
  const changes: Changes = { added: [], changed: [], removed: [] };
  for (const one of entries) {
    const old = before.get(folded(one.word));
    if (!old) changes.added.push(one.word);
    else if (old.word !== one.word || !same(old.synonyms, one.synonyms)) changes.changed.push(one.word);
  }
  for (const [word, old] of before) if (!after.has(word)) changes.removed.push(old.word);
  return changes;
}

export const changeCount = ({ added, changed, removed }: Changes): number => added.length + changed.length + removed.length;

/** "2 added, 1 removed" */
export const changeWords = ({ added, changed, removed }: Changes): string =>
  ([[added, "added"], [changed, "changed"], [removed, "removed"]] as const)
    .filter(([words]) => words.length > 0)
    .map(([words, verb]) => `${words.length.toLocaleString("en")} ${verb}`)
    .join(", ");

/** An entry that both have changed, each in another way; null: removed. */
export interface Clash {
  word: string;
  mine: readonly string[] | null;
  theirs: readonly string[] | null;
}

export interface Merged {
  /** Their map with my changes; of a clash, mine. */
  entries: Entry[];
  clashes: Clash[];
}

/** My changes on top of what somebody else has saved since `base`; `theirsWin`: words of which theirs stay. */
export function mergedOnto(base: SynonymEntries, mine: readonly Entry[], theirs: SynonymEntries, theirsWin: ReadonlySet<string> = new Set()): Merged {
  const before = byWord(entriesOf(base));
  const own = byWord(mine);
  const other = byWord(entriesOf(theirs));
  const entries: Entry[] = [];
  const clashes: Clash[] = [];
  const words = new Set([...own.keys(), ...other.keys()]);
  for (const word of words) {
    const [was, my, their] = [before.get(word), own.get(word), other.get(word)];
    const iDid = !same(was?.synonyms, my?.synonyms) || was?.word !== my?.word;
    const theyDid = !same(was?.synonyms, their?.synonyms) || was?.word !== their?.word;
    const isClash = iDid && theyDid && !same(my?.synonyms, their?.synonyms);
    if (isClash) clashes.push({ word: (my ?? their)?.word ?? word, mine: my?.synonyms ?? null, theirs: their?.synonyms ?? null });
    const kept = iDid && !(isClash && theirsWin.has(word)) ? my : their;
    if (kept) entries.push(kept);
  }
  return { entries, clashes };
}
