import { Save } from "lucide-preact";
import { Button } from "../../../design/button";
import { countOf } from "../../../text/format";
import { type Changes, changeWords } from "./map/changes";

interface SaveBarProps {
  changes: Changes;
  problemCount: number;
  isOnlyProblems: boolean;
  busy: boolean;
  onOnlyProblems: () => void;
  onDiscard: () => void;
  onSave: () => void;
}

/** What is not saved yet. */
export function SaveBar({ changes, problemCount, isOnlyProblems, busy, onOnlyProblems, onDiscard, onSave }: SaveBarProps) {
  return (
    <div class="syn-save">
      <span>
        Not saved: {changeWords(changes)}.
        {problemCount > 0 && <b class="syn-wrong"> {countOf(problemCount, "problem")} to put right first.</b>}
      </span>
      <span class="row">
        {problemCount > 0 && <Button small pressed={isOnlyProblems} onClick={onOnlyProblems}>{isOnlyProblems ? "Show all" : "Show problems"}</Button>}
        <Button small onClick={onDiscard}>Discard</Button>
        <Button small kind="primary" icon={Save} busy={busy} disabled={problemCount > 0} onClick={onSave}>Save map</Button>
      </span>
    </div>
  );
}
