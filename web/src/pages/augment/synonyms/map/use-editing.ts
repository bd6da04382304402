import { useState } from "preact/hooks";
import type { StoredSynonyms } from "../../../../api/augment";
import { useAction } from "../../../../state/resource";
import { announce, toast } from "../../../../state/toasts";
import { countOf } from "../../../../text/format";
import type { RowActs } from "../entry-row";
import { type Draft, edit, save, startFrom } from "./drafts";
import { type Entry, imported, withNew, without, withoutSynonym, withSynonyms, withWord } from "./entries";

export interface Editing {
  openId: number | null;
  /** What became of an import. */
  note: string;
  /** What somebody else has saved meanwhile, until it is settled. */
  theirs: StoredSynonyms | null;
  saving: ReturnType<typeof useAction<[]>>;
  acts: RowActs;
  add: (word: string, synonyms?: readonly string[]) => void;
  takeIn: (fileName: string, text: string) => void;
  settle: (entries: Entry[] | null) => void;
  /** Closes the question; saving asks it again. */
  postpone: () => void;
  discard: () => void;
}

const afterImport = (fileName: string, added: number, replaced: number, refused: readonly string[]): string => {
  const leftOut = refused.length === 0 ? "" : ` ${countOf(refused.length, "entry", "entries")} without a list of synonyms left out: ${refused.slice(0, 5).join(", ")}.`;
  return `${fileName}: ${added} added, ${replaced} replaced.${leftOut}`;
};

/** The focus goes back to the word whose row was open. */
const focusWord = (id: number | null) =>
  window.setTimeout(() => document.querySelector<HTMLElement>(`[data-entry="${id}"] [data-word]`)?.focus());

function rowActs(scope: string | null, entries: readonly Entry[], openId: number | null, setOpenId: (id: number | null) => void): RowActs {
  return {
    open: (id) => {
      setOpenId(id);
      if (id === null) focusWord(openId);
    },
    rename: (id, text) => edit(scope, withWord(entries, id, text)),
    add: (id, texts) => edit(scope, withSynonyms(entries, id, texts)),
    removeSynonym: (id, at) => edit(scope, withoutSynonym(entries, id, at)),
    remove: (id) => {
      announce(`${entries.find((one) => one.id === id)?.word ?? "The entry"} removed`);
      edit(scope, without(entries, id));
      setOpenId(null);
    },
  };
}

/** Everything that changes a map. scope: the dataset's id, null for the shared map. */
export function useEditing(scope: string | null, draft: Draft): Editing {
  const [openId, setOpenId] = useState<number | null>(null);
  const [note, setNote] = useState("");
  const [theirs, setTheirs] = useState<StoredSynonyms | null>(null);
  const { entries } = draft;
  const saving = useAction(async () => {
    const current = await save(scope);
    setTheirs(current);
    if (current === null) toast({ tone: "done", text: scope === null ? "The shared synonym map is saved." : "The synonym map of this dataset is saved." });
  });
  return {
    openId,
    note,
    theirs,
    saving,
    acts: rowActs(scope, entries, openId, setOpenId),
    add: (word, synonyms = []) => {
      const next = withNew(entries, word, synonyms);
      edit(scope, next);
      setOpenId(next[0]?.id ?? null);
    },
    takeIn: (fileName, text) => {
      try {
        const taken = imported(entries, text);
        edit(scope, taken.entries);
        setNote(afterImport(fileName, taken.added, taken.replaced, taken.refused));
      } catch (thrown) {
        setNote(`${fileName} is no synonym map: ${thrown instanceof Error ? thrown.message : String(thrown)}.`);
      }
    },
    settle: (merged) => {
      if (theirs && merged) {
        startFrom(scope, theirs, merged);
        saving.run();
      } else if (theirs) {
        startFrom(scope, theirs);
      }
      setTheirs(null);
    },
    postpone: () => setTheirs(null),
    discard: () => {
      setOpenId(null);
      startFrom(scope, draft.base);
    },
  };
}
