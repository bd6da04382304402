import { TriangleAlert } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../../../design/button";
import { Dialog } from "../../../../design/dialog";
import { MarkedText } from "../../../../design/marked-text";
import { captionPath } from "../../../../routing/routes";
import type { Choice, Entry } from "../../../../state/captions/outbox";
import { conflicts, decideConflict } from "../../../../state/captions/outbox-sender";
import { imageOf } from "../../../../state/images/live-images";
import { myName } from "../../../../state/people/session";
import { isVisible, oneLine, problemOf } from "../../../../text/captions/caption-rules";
import { keysOf } from "../keys/kept-keys";
import { Keys } from "../keys/key-table";
import "./conflicts.css";

const GONE = "(taken away)";
const shownText = (text: string | null | undefined): string => text ?? GONE;

/** What was not saved in this dataset and waits for a decision. */
export const openConflicts = (datasetId: string): Entry[] => conflicts.value.filter((entry) => entry.dataset_id === datasetId);

const CHOICE_KEYS: Record<string, Choice["take"]> = { "1": "mine", "2": "theirs", "3": "text" };

function Merge({ start, onSave }: { start: string; onSave: (text: string) => void }) {
  const [text, setText] = useState(start);
  const line = oneLine(text);
  const problem = isVisible(line) ? problemOf(line) : "Type the text that is to stay.";
  const save = () => problem === null && onSave(line);
  return (
    <form
      class="stack small"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <label for="merge-box">A text made of both <kbd>3</kbd></label>
      <textarea
        id="merge-box"
        class="input"
        rows={3}
        dir="auto"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.isComposing || event.repeat) return;
          event.preventDefault();
          save();
        }}
      />
      {problem && <p class="field-error" role="alert">{problem}</p>}
      <div class="row"><Button small type="submit">Save this text</Button></div>
    </form>
  );
}

/** Both texts of a conflict. Keys: 1 mine, 2 theirs, 3 the box for a merged text, Esc later. */
export function ConflictDialog({ entry, onClose }: { entry: Entry; onClose: () => void }) {
  const body = useRef<HTMLDivElement>(null);
  const { client_id, current } = entry;
  const mine = shownText(entry.text);
  const theirs = shownText(current?.text);
  const item = imageOf(entry.image_id);
  const choose = (choice: Choice) => {
    decideConflict(client_id, choice);
    onClose();
  };
  useEffect(() => body.current?.focus(), [client_id]);
  const press = (event: KeyboardEvent) => {
    if ((event.target as Element).closest("textarea") || event.altKey || event.ctrlKey || event.metaKey) return;
    const take = CHOICE_KEYS[event.key];
    if (!take || event.repeat) return;
    event.preventDefault();
    if (take === "text") body.current?.querySelector("textarea")?.focus();
    else choose({ take });
  };
  return (
    <Dialog title={`Two texts for ${item?.filename ?? `image ${entry.image_id}`}`} onClose={onClose} wide>
      <div class="conflict" ref={body} tabIndex={-1} onKeyDown={press}>
        <div class="conflict-head">
          {item && <img src={item.thumb_url} alt="" />}
          <p>{current?.by} saved another text while you typed. Both are kept until you choose. <kbd>Esc</kbd> decides later.</p>
        </div>
        <div class="texts">
          <section aria-label="Your text">
            <h3>You wrote</h3>
            <MarkedText before={theirs} after={mine} side="after" />
            <div class="row"><Button small kind="primary" onClick={() => choose({ take: "mine" })}>Keep mine</Button><kbd>1</kbd></div>
          </section>
          <section aria-label="The other text">
            <h3>{current?.by} wrote</h3>
            <MarkedText before={theirs} after={mine} side="before" />
            <div class="row"><Button small onClick={() => choose({ take: "theirs" })}>Take this one</Button><kbd>2</kbd></div>
          </section>
        </div>
        <Merge key={client_id} start={mine === GONE ? theirs : mine} onSave={(text) => choose({ take: "text", text })} />
      </div>
    </Dialog>
  );
}

function Refused({ entry }: { entry: Entry }) {
  return (
    <div class="unsaved" role="alert">
      <TriangleAlert size={16} aria-hidden />
      <div>
        <p>
          The text for <a href={captionPath(entry.dataset_id, entry.image_id)}>image {entry.image_id}</a> was not saved. {entry.problem}
        </p>
        <p class="kept-text" dir="auto">{shownText(entry.text)}</p>
        <div class="row">
          <Button small onClick={() => decideConflict(entry.client_id, { take: "mine" })}>Send again</Button>
          <Button small kind="danger" onClick={() => decideConflict(entry.client_id, { take: "theirs" })}>Discard</Button>
        </div>
      </div>
    </div>
  );
}

/** What was typed and met another text, or was refused. It stays until the person decides. */
export function Unsaved({ datasetId, onChoose }: { datasetId: string; onChoose: () => void }) {
  const all = openConflicts(datasetId);
  const met = all.filter((entry) => entry.state === "conflict");
  const [first] = met;
  if (all.length === 0) return null;
  const [key] = keysOf(myName()).choose;
  return (
    <section class="unsaved-list" aria-label="Not saved">
      {first && (
        <div class="unsaved" role="alert">
          <TriangleAlert size={16} aria-hidden />
          <div class="row">
            <p>
              {first.current?.by} saved another text for <a href={captionPath(datasetId, first.image_id)}>{imageOf(first.image_id)?.filename ?? `image ${first.image_id}`}</a>
              {met.length > 1 && ` (${met.length} conflicts)`}.
            </p>
            <Button small onClick={onChoose}>Choose a text</Button>
            {key && <Keys chord={key} />}
          </div>
        </div>
      )}
      {all.filter((entry) => entry.state === "refused").map((entry) => <Refused key={entry.client_id} entry={entry} />)}
    </section>
  );
}
