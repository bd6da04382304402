import { PencilLine, X } from "lucide-preact";
import type { Suggestion } from "../../../../api/captions";
import { Button } from "../../../../design/button";
import { myName } from "../../../../state/people/session";
import type { Command } from "../keys/commands";
import { keysOf } from "../keys/kept-keys";
import { Keys } from "../keys/key-table";
import { keyWords } from "../keys/keymap";
import "./suggestions.css";

/** The commands that accept a suggestion, in order. */
export const ACCEPT = ["accept1", "accept2", "accept3", "accept4", "accept5"] as const satisfies readonly Command[];
/** The commands that take a suggestion into the box, in order. */
export const EDIT = ["edit1", "edit2", "edit3", "edit4", "edit5"] as const satisfies readonly Command[];

interface SuggestionsProps {
  items: Suggestion[];
  onAccept: (text: string) => void;
  onEdit: (text: string) => void;
  onDismiss: (text: string) => void;
}

const sourceWords = ({ source, score }: Suggestion): string =>
  `From ${source || "a script"}${score === null ? "" : `, score ${score.toFixed(2)}`}`;

/** Suggested captions below the box: accept, edit or dismiss. Nothing is filled in by itself. */
export function Suggestions({ items, onAccept, onEdit, onDismiss }: SuggestionsProps) {
  const keymap = keysOf(myName());
  return (
    <ul class="suggestions" aria-label="Suggestions" onMouseDown={(event) => event.preventDefault()}>
      {items.map((one, at) => {
        const accept = ACCEPT[at];
        const [key] = accept ? keymap[accept] : [];
        return (
          <li key={one.text}>
            <button type="button" class="accept" title={`${sourceWords(one)}. Saves it and goes on${key ? ` (${keyWords(key)})` : ""}.`} onClick={() => onAccept(one.text)}>
              {key && <Keys chord={key} />}
              <span class="clip" dir="auto">{one.text}</span>
            </button>
            <Button kind="quiet" small icon={PencilLine} label={`Edit: ${one.text}`} onClick={() => onEdit(one.text)} />
            <Button kind="quiet" small icon={X} label={`Dismiss: ${one.text}`} onClick={() => onDismiss(one.text)} />
          </li>
        );
      })}
    </ul>
  );
}
