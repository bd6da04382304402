import { useState } from "preact/hooks";
import type { StoredSynonyms } from "../../../api/augment";
import { Button } from "../../../design/button";
import { Dialog } from "../../../design/dialog";
import { When } from "../../../design/when";
import { countOf } from "../../../text/format";
import { changeCount, changesOf, changeWords, type Clash, mergedOnto } from "./map/changes";
import type { Draft } from "./map/drafts";
import { entriesOf, type Entry, folded } from "./map/entries";

interface ConflictProps {
  draft: Draft;
  theirs: StoredSynonyms;
  onMerge: (entries: Entry[]) => void;
  onTakeTheirs: () => void;
  onClose: () => void;
}

const words = (synonyms: readonly string[] | null) => (synonyms === null ? "removed" : synonyms.length === 0 ? "left as it is" : synonyms.join(", "));

function ClashRow({ clash, isTheirs, onPick }: { clash: Clash; isTheirs: boolean; onPick: (theirs: boolean) => void }) {
  const name = `clash-${clash.word}`;
  return (
    <fieldset class="syn-clash">
      <legend dir="auto">{clash.word}</legend>
      <label><input type="radio" name={name} checked={!isTheirs} onChange={() => onPick(false)} /> Mine: <b>{words(clash.mine)}</b></label>
      <label><input type="radio" name={name} checked={isTheirs} onChange={() => onPick(true)} /> Theirs: <b>{words(clash.theirs)}</b></label>
    </fieldset>
  );
}

/** Somebody else has saved the map meanwhile: both sets of changes are kept, but for words that both have changed. */
export function ConflictDialog({ draft, theirs, onMerge, onTakeTheirs, onClose }: ConflictProps) {
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const { clashes, entries } = mergedOnto(draft.base.map, draft.entries, theirs.map, picked);
  const their = changesOf(draft.base.map, entriesOf(theirs.map));
  const pick = (word: string, isTheirs: boolean) => {
    const next = new Set(picked);
    if (isTheirs) next.add(folded(word));
    else next.delete(folded(word));
    setPicked(next);
  };
  return (
    <Dialog title="Somebody else has saved this map" onClose={onClose}>
      <p>
        Theirs, saved <When at={theirs.saved_at} />: {changeCount(their) === 0 ? "no change" : changeWords(their)}. Yours: {changeWords(changesOf(draft.base.map, draft.entries))}.
        {clashes.length === 0 ? " No word was changed by both." : ` ${countOf(clashes.length, "word")} changed by both:`}
      </p>
      {clashes.length > 0 && (
        <div class="syn-clashes">
          {clashes.map((clash) => (
            <ClashRow key={clash.word} clash={clash} isTheirs={picked.has(folded(clash.word))} onPick={(isTheirs) => pick(clash.word, isTheirs)} />
          ))}
        </div>
      )}
      <div class="dialog-foot">
        <Button kind="danger" onClick={onTakeTheirs}>Discard mine</Button>
        <Button kind="primary" onClick={() => onMerge(entries)}>Save both</Button>
      </div>
    </Dialog>
  );
}
