import { useEffect, useState } from "preact/hooks";
import { Button } from "../../../design/button";
import { count } from "../../../text/format";
import { EntryRow, type RowActs } from "./entry-row";
import { type Entry, problemOf } from "./map/entries";

const SHOWN = 60;

interface ListProps {
  name: string;
  entries: readonly Entry[];
  problems: ReadonlyMap<string, string>;
  openId: number | null;
  isReadOnly: boolean;
  noteOf: (entry: Entry) => string | undefined;
  acts: RowActs;
}

/** Up and down go from word to word. */
function moveByArrow(event: KeyboardEvent): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step === 0 || !(event.target instanceof HTMLElement) || !event.target.hasAttribute("data-word")) return;
  const words = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("[data-word]")];
  const next = words[words.indexOf(event.target) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** The entries that are looked at; the first ones, then as many as are asked for. */
export function EntryList({ name, entries, problems, openId, isReadOnly, noteOf, acts }: ListProps) {
  const [shown, setShown] = useState(SHOWN);
  useEffect(() => setShown(SHOWN), [name]);
  const rest = entries.length - shown;
  return (
    <ul class="syn-list" aria-label={name} onKeyDown={moveByArrow}>
      {entries.slice(0, shown).map((entry) => (
        <EntryRow
          key={entry.id}
          entry={entry}
          problem={problemOf(entry, problems)}
          note={noteOf(entry)}
          isReadOnly={isReadOnly}
          isOpen={entry.id === openId}
          acts={acts}
        />
      ))}
      {rest > 0 && (
        <li class="syn-more">
          <Button small onClick={() => setShown(shown + 200)}>Show {count(Math.min(rest, 200))} more</Button>
          <span class="muted">{count(entries.length)} in all</span>
        </li>
      )}
    </ul>
  );
}
