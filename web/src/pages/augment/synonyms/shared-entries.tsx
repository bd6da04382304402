import { Button } from "../../../design/button";
import { count } from "../../../text/format";
import { type Entry, found, hasWord } from "./map/entries";

const SHOWN = 12;

interface SharedProps {
  shared: readonly Entry[];
  own: readonly Entry[];
  query: string;
  onChange: (entry: Entry) => void;
  onOff: (entry: Entry) => void;
}

/** What the shared map has for the words looked for, to change or to switch off for this dataset. */
export function SharedEntries({ shared, own, query, onChange, onOff }: SharedProps) {
  const fitting = found(shared, query).filter(({ word }) => !hasWord(own, word));
  if (query.trim() === "" || fitting.length === 0) return null;
  return (
    <section class="stack small" aria-label="From the shared map">
      <h3>From the shared map</h3>
      <ul class="syn-list">
        {fitting.slice(0, SHOWN).map((entry) => (
          <li key={entry.id} class="syn-row">
            <b class="syn-word" dir="auto">{entry.word}</b>
            <span class="syn-chips">
              {entry.synonyms.length === 0 && <span class="muted">left as it is</span>}
              {entry.synonyms.map((synonym) => <span key={synonym} class="chip syn-text" dir="auto">{synonym}</span>)}
            </span>
            <span class="syn-acts">
              <Button small label={`Change ${entry.word} here`} onClick={() => onChange(entry)}>Change here</Button>
              {entry.synonyms.length > 0 && <Button kind="quiet" small label={`Switch ${entry.word} off`} onClick={() => onOff(entry)}>Switch off</Button>}
            </span>
          </li>
        ))}
      </ul>
      {fitting.length > SHOWN && <p class="muted">and {count(fitting.length - SHOWN)} more</p>}
    </section>
  );
}
