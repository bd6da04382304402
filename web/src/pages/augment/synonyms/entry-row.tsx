import { Check, CircleAlert, Trash2 } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "../../../design/button";
import { Chips } from "./chips";
import type { Entry } from "./map/entries";

export interface RowActs {
  open: (id: number | null) => void;
  rename: (id: number, word: string) => void;
  add: (id: number, texts: string[]) => void;
  removeSynonym: (id: number, at: number) => void;
  remove: (id: number) => void;
}

interface RowProps {
  entry: Entry;
  problem: string | undefined;
  note: string | undefined;
  isReadOnly: boolean;
  isOpen: boolean;
  acts: RowActs;
}

function Words({ synonyms }: { synonyms: readonly string[] }) {
  if (synonyms.length === 0) return <span class="muted">left as it is</span>;
  return <>{synonyms.map((synonym, at) => <span key={at} class="chip syn-text" dir="auto">{synonym}</span>)}</>;
}

function OpenEntry({ entry, problem, acts }: RowProps) {
  const wordField = useRef<HTMLInputElement>(null);
  const isNew = entry.word === "";
  useEffect(() => {
    if (isNew) wordField.current?.focus();
  }, []);
  return (
    <li
      class={problem ? "syn-row open bad" : "syn-row open"}
      data-entry={entry.id}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        acts.open(null);
      }}
    >
      <input
        ref={wordField}
        class="input"
        value={entry.word}
        aria-label="Word or words"
        aria-invalid={problem ? true : undefined}
        aria-describedby={problem ? `syn-${entry.id}` : undefined}
        maxLength={200}
        onInput={({ currentTarget: { value } }) => acts.rename(entry.id, value)}
      />
      <Chips
        word={entry.word}
        synonyms={entry.synonyms}
        isFirst={!isNew}
        onAdd={(texts) => acts.add(entry.id, texts)}
        onRemove={(at) => acts.removeSynonym(entry.id, at)}
        onDone={() => acts.open(null)}
      />
      <span class="syn-acts">
        <Button kind="quiet" small icon={Check} label={`Close ${entry.word}`} onClick={() => acts.open(null)} />
        <Button kind="quiet" small icon={Trash2} label={`Remove ${entry.word || "the new word"}`} onClick={() => acts.remove(entry.id)} />
      </span>
      {problem && <Wrong id={entry.id} text={problem} />}
    </li>
  );
}

function Wrong({ id, text }: { id: number; text: string }) {
  return (
    <p class="syn-wrong" id={`syn-${id}`} role="alert">
      <CircleAlert size={14} aria-hidden /> This entry {text}.
    </p>
  );
}

/** A word and its synonyms; opened, both can be changed. */
export function EntryRow(props: RowProps) {
  const { entry, problem, note, isReadOnly, isOpen, acts } = props;
  if (isOpen && !isReadOnly) return <OpenEntry {...props} />;
  return (
    <li class={problem ? "syn-row bad" : "syn-row"} data-entry={entry.id}>
      {isReadOnly ? (
        <b class="syn-word" dir="auto">{entry.word}</b>
      ) : (
        <button type="button" class="syn-word" dir="auto" data-word aria-label={`Edit ${entry.word || "the word that is missing"}`} onClick={() => acts.open(entry.id)}>
          {entry.word || <i>no word</i>}
        </button>
      )}
      <span class="syn-chips"><Words synonyms={entry.synonyms} /></span>
      <span class="syn-acts">
        {note && <small class="muted">{note}</small>}
        {!isReadOnly && <Button kind="quiet" small icon={Trash2} label={`Remove ${entry.word}`} onClick={() => acts.remove(entry.id)} />}
      </span>
      {problem && <Wrong id={entry.id} text={problem} />}
    </li>
  );
}
