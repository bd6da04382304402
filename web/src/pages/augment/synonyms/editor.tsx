import { Languages } from "lucide-preact";
import { useState } from "preact/hooks";
import { EmptyState, ErrorState, Notice } from "../../../design/states";
import { isAdmin } from "../../../state/people/session";
import { countOf } from "../../../text/format";
import { Candidates } from "./candidates";
import { ConflictDialog } from "./conflict";
import { EntryList } from "./entry-list";
import { changeCount, changesOf } from "./map/changes";
import type { Draft } from "./map/drafts";
import { type Entry, found, hasWord, mapProblem, problemOf, problemsByWord, writeMap } from "./map/entries";
import { useCheck } from "./map/use-check";
import { useEditing } from "./map/use-editing";
import { Preview } from "./preview";
import { SaveBar } from "./save-bar";
import { SharedEntries } from "./shared-entries";
import { Toolbar } from "./toolbar";

interface EditorProps {
  datasetId: string;
  which: "dataset" | "shared";
  draft: Draft;
  /** The shared map, seen from the dataset's tab. */
  shared: readonly Entry[];
}

/** What fits the search, and the open row whatever is looked for. */
function listed(entries: readonly Entry[], query: string, openId: number | null): Entry[] {
  const fitting = found(entries, query);
  const open = entries.find((one) => one.id === openId);
  return open && !fitting.includes(open) ? [open, ...fitting] : fitting;
}

function Notices({ isReadOnly, draft, note, problem }: { isReadOnly: boolean; draft: Draft; note: string; problem: string | undefined }) {
  const lost = draft.base.problems;
  return (
    <>
      {isReadOnly && <Notice>Administrators change the shared map. Change or switch off its entries for this dataset in the other tab.</Notice>}
      {lost.length > 0 && (
        <Notice>
          {countOf(lost.length, "entry", "entries")} of the saved file cannot be read and will be gone when you save:{" "}
          {lost.slice(0, 5).map((one) => `“${one.entry}” ${one.problem}`).join("; ")}.
        </Notice>
      )}
      {note && <Notice>{note}</Notice>}
      {problem && <Notice>The map cannot be used: {problem}.</Notice>}
    </>
  );
}

/** One map: its words, what is wrong with them, and what they do. */
export function Editor({ datasetId, which, draft, shared }: EditorProps) {
  const scope = which === "shared" ? null : datasetId;
  const isReadOnly = which === "shared" && !isAdmin();
  const [query, setQuery] = useState("");
  const [isOnlyProblems, setOnlyProblems] = useState(false);
  const [seed, setSeed] = useState(0);
  const editing = useEditing(scope, draft);
  const { entries } = draft;
  const word = entries.find((one) => one.id === editing.openId)?.word.trim() ?? "";
  const checked = useCheck({ map: writeMap(entries), which, dataset_id: datasetId, word: word.slice(0, 100), seed });
  const problems = problemsByWord(checked.answer?.problems ?? []);
  const problemCount = checked.answer?.problem_count ?? 0;
  const changes = changesOf(draft.base.map, entries);
  const shown = listed(entries, query, editing.openId).filter((one) => !isOnlyProblems || problemCount === 0 || problemOf(one, problems) !== undefined);
  const add = (text: string, synonyms?: readonly string[]) => {
    editing.add(text, synonyms);
    setQuery("");
  };
  return (
    <div class="syn-editor">
      <div class="syn-main">
        <Notices isReadOnly={isReadOnly} draft={draft} note={editing.note} problem={mapProblem(problems)} />
        <Toolbar
          query={query}
          isReadOnly={isReadOnly}
          canAdd={!isReadOnly && query.trim() !== "" && !hasWord(entries, query)}
          entries={entries}
          fileName={`synonyms-${scope ?? "shared"}.json`}
          onQuery={setQuery}
          onAdd={() => add(query.trim())}
          onImport={editing.takeIn}
        />
        {entries.length === 0 && query === "" && (
          <EmptyState icon={Languages} title="No words of its own yet" text="This dataset uses the shared map. Words added here go before the shared ones; a word without synonyms is left as it is." />
        )}
        <EntryList
          name={which === "shared" ? "Shared map" : "Map of this dataset"}
          entries={shown}
          problems={problems}
          openId={editing.openId}
          isReadOnly={isReadOnly}
          noteOf={(entry) => (which === "dataset" && hasWord(shared, entry.word) ? "instead of the shared one" : undefined)}
          acts={editing.acts}
        />
        {shown.length === 0 && query !== "" && <p class="muted">No entry with “{query.trim()}” in this map.</p>}
        {which === "dataset" && (
          <SharedEntries shared={shared} own={entries} query={query} onChange={(entry) => add(entry.word, entry.synonyms)} onOff={(entry) => add(entry.word)} />
        )}
        {editing.saving.error && <ErrorState problem={editing.saving.error} onRetry={() => editing.saving.run()} />}
        {changeCount(changes) > 0 && !isReadOnly && (
          <SaveBar
            changes={changes}
            problemCount={problemCount}
            isOnlyProblems={isOnlyProblems}
            busy={editing.saving.busy}
            onOnlyProblems={() => setOnlyProblems(!isOnlyProblems)}
            onDiscard={editing.discard}
            onSave={() => editing.saving.run()}
          />
        )}
      </div>
      <div class="syn-side">
        <Preview of={checked} word={word} onOthers={() => setSeed(seed + 1)} />
        {!isReadOnly && <Candidates words={checked.answer?.candidates} onAdd={(text) => add(text)} />}
      </div>
      {editing.theirs && (
        <ConflictDialog
          draft={draft}
          theirs={editing.theirs}
          onMerge={editing.settle}
          onTakeTheirs={() => editing.settle(null)}
          onClose={editing.postpone}
        />
      )}
    </div>
  );
}
