import { Check, Pencil, TriangleAlert, X } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Variant } from "../../../api/augment";
import { Button } from "../../../design/button";
import { MarkedText } from "../../../design/marked-text";
import { StateBadge } from "../../../design/state-badge";
import { DECIDED } from "./decision-words";
import { scoreText } from "./decisions";

/** How near in meaning: a bar and the number. */
function Score({ of }: { of: number }) {
  return (
    <span class="score" title="How near in meaning to the caption: 1 says the same, 0 has nothing to do with it">
      <i aria-hidden="true"><b style={{ width: `${100 * Math.min(1, Math.max(0, of))}%` }} /></i>
      <span class="num"><span class="unseen">Score </span>{scoreText(of)}</span>
    </span>
  );
}

interface EditorProps {
  variant: Variant;
  onSave: (text: string) => void;
  onLeave: () => void;
}

/** Other words for the variant. Enter saves, Esc leaves. */
function Editor({ variant, onSave, onLeave }: EditorProps) {
  const box = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(variant.text);
  useEffect(() => {
    box.current?.focus();
    box.current?.select();
  }, []);
  const press = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === "Escape") onLeave();
    else if (event.key === "Enter") onSave(text);
    else return;
    event.preventDefault();
  };
  return (
    <div class="variant-editor">
      <textarea ref={box} class="input" rows={3} maxLength={2000} aria-label="Other words for the variant" value={text} onInput={(event) => setText(event.currentTarget.value)} onKeyDown={press} />
      <div class="row">
        <Button small kind="primary" onClick={() => onSave(text)}>Save</Button>
        <Button small onClick={onLeave}>Cancel</Button>
      </div>
    </div>
  );
}

export interface VariantRowProps {
  variant: Variant;
  isActive: boolean;
  isEditing: boolean;
  onActive: () => void;
  onAccept: () => void;
  onReject: () => void;
  onEdit: () => void;
  onSave: (text: string) => void;
  onLeave: () => void;
}

/** One variant: its words with what is new in them marked, its score, what was decided, and deciding. */
export function VariantRow({ variant, isActive, isEditing, onActive, onAccept, onReject, onEdit, onSave, onLeave }: VariantRowProps) {
  const row = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (!isActive) return;
    if (!isEditing && !row.current?.contains(document.activeElement)) row.current?.focus({ preventScroll: true });
    row.current?.scrollIntoView({ block: "nearest" });
  }, [isActive, isEditing]);
  return (
    <li
      ref={row}
      class={`variant ${variant.state}${isActive ? " active" : ""}`}
      tabIndex={isActive ? 0 : -1}
      aria-current={isActive ? "true" : undefined}
      onFocusIn={() => isActive || onActive()}
      onClick={() => isActive || onActive()}
    >
      {isEditing ? (
        <Editor variant={variant} onSave={onSave} onLeave={onLeave} />
      ) : (
        <MarkedText before={variant.source_text} after={variant.text} side="after" />
      )}
      <div class="variant-foot">
        <StateBadge state={DECIDED[variant.state]} />
        {variant.score !== null && variant.state !== "edited" && <Score of={variant.score} />}
        {variant.decided_by && <small class="muted">by {variant.decided_by}</small>}
        <span class="variant-acts">
          <Button small icon={Check} pressed={variant.state === "accepted" || variant.state === "edited"} title="Accept (A)" onClick={onAccept}>Accept</Button>
          <Button small icon={Pencil} title="Edit (E)" onClick={onEdit}>Edit</Button>
          <Button small icon={X} pressed={variant.state === "rejected"} title="Reject (R)" onClick={onReject}>Reject</Button>
        </span>
      </div>
      {variant.reasons.length > 0 && (
        <p class="doubts"><TriangleAlert size={14} aria-hidden /> <span><span class="unseen">Doubted: </span>{variant.reasons.join("; ")}</span></p>
      )}
    </li>
  );
}
