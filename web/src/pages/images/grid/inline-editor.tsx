import { useEffect, useRef, useState } from "preact/hooks";
import type { ImageItem } from "../../../api/images";
import { draftOf, dropDraft, keepDraft } from "../../../state/captions/drafts";
import { headOf } from "../../../state/captions/heads";
import { lastOf } from "../../../state/captions/outbox";
import { outbox, saveCaption } from "../../../state/captions/outbox-sender";
import { toast } from "../../../state/toasts";
import { isVisible, oneLine, problemOf } from "../../../text/captions/caption-rules";

/** The caption as it will be once all that is on its way has arrived. */
function captionNow(item: ImageItem): string | null {
  const entry = lastOf(outbox.value, item.id, 0);
  return entry ? entry.text : headOf(item, 0).text;
}

/** Saves what was typed, if it is something else. Returns why it cannot be, or null. */
function save(item: ImageItem, typed: string, base: number): string | null {
  const text = isVisible(typed) ? oneLine(typed) : null;
  const problem = text === null ? null : problemOf(text);
  if (problem) return problem;
  const before = captionNow(item);
  if (text !== before) {
    const after = lastOf(outbox.value, item.id, 0)?.client_id;
    const refused = saveCaption({ imageId: item.id, slot: 0, datasetId: item.dataset_id, text, before, baseRevision: base, after });
    if (refused) return refused;
  }
  dropDraft(item.id, 0);
  return null;
}

export type Step = -1 | 0 | 1 | null;

interface EditorProps {
  item: ImageItem;
  /** Done: the focus goes back to the cell (0), to the editor of another one, or is elsewhere already (null). */
  onEnd: (step: Step) => void;
}

/** A caption typed in the grid. Enter and a click elsewhere save, Tab saves and goes on, Esc leaves. */
export function InlineEditor({ item, onEnd }: EditorProps) {
  const box = useRef<HTMLTextAreaElement>(null);
  const [base] = useState(() => draftOf(item.id, 0)?.base_revision ?? headOf(item, 0).revision);
  const [text, setText] = useState(() => draftOf(item.id, 0)?.text ?? captionNow(item) ?? "");
  const isOver = useRef(false);
  useEffect(() => {
    box.current?.focus({ preventScroll: true });
    box.current?.select();
  }, []);
  const end = (step: Step, isSaved: boolean) => {
    if (isOver.current) return;
    const problem = isSaved ? save(item, text, base) : null;
    if (problem) return toast({ tone: "failed", text: problem });
    if (!isSaved) dropDraft(item.id, 0);
    isOver.current = true;
    onEnd(step);
  };
  const press = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === "Escape") end(0, false);
    else if (event.key === "Enter") end(0, true);
    else if (event.key === "Tab") end(event.shiftKey ? -1 : 1, true);
    else return;
    event.preventDefault();
  };
  return (
    <div class="cell-editor">
      <textarea
        ref={box}
        class="input"
        aria-label={`Caption of ${item.filename}`}
        rows={4}
        value={text}
        onInput={({ currentTarget: { value } }) => {
          setText(value);
          keepDraft(item.id, 0, { text: value, base_revision: base });
        }}
        onKeyDown={press}
        onBlur={() => end(null, true)}
      />
      <p><kbd>Enter</kbd> saves <kbd>Tab</kbd> next <kbd>Esc</kbd> leaves</p>
    </div>
  );
}
