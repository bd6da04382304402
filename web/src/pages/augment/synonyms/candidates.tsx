import { useState } from "preact/hooks";
import { Button } from "../../../design/button";
import { count } from "../../../text/format";

const SHOWN = 24;

/** Frequent words of the dataset that have no synonyms yet. */
export function Candidates({ words, onAdd }: { words: [string, number][] | undefined; onAdd: (word: string) => void }) {
  const [isAll, setAll] = useState(false);
  if (!words) return null;
  const shown = isAll ? words : words.slice(0, SHOWN);
  return (
    <section class="stack small" aria-label="Words without synonyms">
      <h3>Words without synonyms</h3>
      {words.length === 0 && <p class="muted">Every frequent word of this dataset has an entry.</p>}
      <ul class="syn-candidates">
        {shown.map(([word, times]) => (
          <li key={word}>
            <button type="button" class="chip" aria-label={`Add ${word}, used ${count(times)} times`} title={`Used ${count(times)} times`} onClick={() => onAdd(word)}>
              <span dir="auto">{word}</span> <span class="num muted">{count(times)}</span>
            </button>
          </li>
        ))}
      </ul>
      {words.length > shown.length && <div><Button kind="quiet" small onClick={() => setAll(true)}>Show all {count(words.length)}</Button></div>}
    </section>
  );
}
