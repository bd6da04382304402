import { CheckCheck, Flag } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ImageItem } from "../../../../api/images";
import { headOf } from "../../../../state/captions/heads";
import { myName } from "../../../../state/people/session";
import "./image-info.css";

const named = (name: string): string => (name === myName() ? "you" : name);

/** "Written by Ada, reviewed by Ben". */
function authorship(item: ImageItem): string {
  const head = headOf(item, 0);
  if (head.text === null) return "";
  const written = head.by ? `Written by ${named(head.by)}` : "Imported";
  return item.reviewed_by ? `${written}, reviewed by ${named(item.reviewed_by)}` : written;
}

/** Who wrote, reviewed and flagged: in the corner of the picture. */
export function ImageInfo({ item }: { item: ImageItem }) {
  const words = authorship(item);
  return (
    <div class="meta" aria-live="polite">
      {words && (
        <span class={item.reviewed_by ? "reviewed" : ""}>
          {item.reviewed_by && <CheckCheck size={14} aria-hidden />}
          {words}
        </span>
      )}
      {item.flagged_by && (
        <span class="flagged">
          <Flag size={14} aria-hidden />
          <span dir="auto">Flagged by {named(item.flagged_by)}{item.flag_note && `: ${item.flag_note}`}</span>
        </span>
      )}
    </div>
  );
}

interface NoteProps {
  start: string;
  onSave: (note: string) => void;
  onClose: () => void;
}

const MAX_NOTE_CHARS = 500;

/** A note to a flag: Enter flags, Esc leaves it. */
export function FlagNote({ start, onSave, onClose }: NoteProps) {
  const [note, setNote] = useState(start);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  const press = (event: KeyboardEvent) => {
    if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Enter") onSave(note.replace(/\s+/gu, " ").trim());
    onClose();
  };
  return (
    <div class="flag-note">
      <label for="flag-note">Why is it flagged?</label>
      <input id="flag-note" class="input" ref={field} dir="auto" value={note} maxLength={MAX_NOTE_CHARS} onInput={(event) => setNote(event.currentTarget.value)} onKeyDown={press} />
      <span class="muted">Enter flags it, Esc does not</span>
    </div>
  );
}
