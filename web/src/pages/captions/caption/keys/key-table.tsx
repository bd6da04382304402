import { RotateCcw } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../../../design/button";
import { myName } from "../../../../state/people/session";
import { type Command, GROUPS, SERIES, wordsOf } from "./commands";
import { keysOf, resetKeys, setKeys } from "./kept-keys";
import { chordOf, isChanged, keyParts, problemWith, withKey, withoutChange } from "./keymap";
import "./key-table.css";

/** A key as it looks on a keyboard. */
export function Keys({ chord }: { chord: string }) {
  return <span class="chord">{keyParts(chord).map((part) => <kbd key={part}>{part}</kbd>)}</span>;
}

interface CatchProps {
  command: Command;
  onDone: () => void;
}

/** Waits for the key that a command is to have. Esc keeps the old one. */
function CatchKey({ command, onDone }: CatchProps) {
  const [problem, setProblem] = useState<string | null>(null);
  const field = useRef<HTMLDivElement>(null);
  useEffect(() => field.current?.focus(), []);
  const press = (event: KeyboardEvent) => {
    event.preventDefault();
    event.stopPropagation();
    const chord = chordOf(event);
    if (event.key === "Escape" && command !== "leave") return onDone();
    if (chord === null) return;
    const name = myName();
    const refused = problemWith(keysOf(name), command, chord);
    setProblem(refused);
    if (refused !== null) return;
    setKeys(name, withKey(keysOf(name), command, chord));
    onDone();
  };
  return (
    <div>
      <div class="catch" ref={field} role="textbox" aria-label={`New key for: ${wordsOf(command)}`} tabIndex={0} onKeyDown={press} onBlur={onDone}>
        Press a key
      </div>
      {problem && <p class="field-error" role="alert">{problem}</p>}
    </div>
  );
}

function KeyRow({ command, words, isEditable }: { command: Command; words: string; isEditable: boolean }) {
  const [isCatching, setCatching] = useState(false);
  const button = useRef<HTMLSpanElement>(null);
  const keymap = keysOf(myName());
  const done = () => {
    setCatching(false);
    button.current?.querySelector("button")?.focus();
  };
  return (
    <div class="key-row">
      <dt>{isCatching ? <CatchKey command={command} onDone={done} /> : keymap[command].map((chord) => <Keys key={chord} chord={chord} />)}</dt>
      <dd>
        <span>{words}</span>
        {isEditable && (
          <span class="row tight" ref={button}>
            <Button kind="quiet" small title={`Change the key for: ${words}`} onClick={() => setCatching(true)}>Change</Button>
            {isChanged(keymap, command) && (
              <Button kind="quiet" small icon={RotateCcw} label={`First key again for: ${words}`} onClick={() => setKeys(myName(), withoutChange(keymap, command))} />
            )}
          </span>
        )}
      </dd>
    </div>
  );
}

const FIXED: [string, string][] = [
  ["Backspace", "Deletes, as anywhere; Ctrl+Z undoes typing"],
  ["F1", "This sheet, always"],
  ["ArrowUp", "While the box is empty, arrows move a large picture"],
];

/** All keys of the captioning page, in groups. isEditable: each can be given another key. */
export function KeyTable({ isEditable }: { isEditable: boolean }) {
  return (
    <div class="key-groups">
      {GROUPS.map((group) => (
        <section key={group.title} aria-label={group.title}>
          <h3>{group.title}</h3>
          <dl>
            {group.commands
              .filter(([command]) => isEditable || !SERIES.has(command) || isChanged(keysOf(myName()), command))
              .map(([command, words]) => <KeyRow key={command} command={command} words={words} isEditable={isEditable} />)}
          </dl>
        </section>
      ))}
      <section aria-label="Always">
        <h3>Always</h3>
        <dl>
          {FIXED.map(([chord, words]) => (
            <div class="key-row" key={chord}><dt><Keys chord={chord} /></dt><dd><span>{words}</span></dd></div>
          ))}
        </dl>
      </section>
    </div>
  );
}

/** All keys as they were at first. */
export function ResetKeys() {
  return <Button kind="quiet" small icon={RotateCcw} onClick={() => resetKeys(myName())}>Reset all keys</Button>;
}
