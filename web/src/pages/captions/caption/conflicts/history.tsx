import { useLayoutEffect, useRef } from "preact/hooks";
import { type CaptionRevision, listRevisions } from "../../../../api/captions";
import { Dialog } from "../../../../design/dialog";
import { MarkedText } from "../../../../design/marked-text";
import { Loaded } from "../../../../design/states";
import { When } from "../../../../design/when";
import { useResource } from "../../../../state/resource";
import "./history.css";

interface HistoryProps {
  image: number;
  slot: number;
  /** The newest revision known: it is fetched again when there is another. */
  revision: number;
  onRestore: (text: string) => void;
  onClose: () => void;
}

function Revision({ row, before, isNewest, onRestore }: { row: CaptionRevision; before: string | null; isNewest: boolean; onRestore: () => void }) {
  const { text } = row;
  const what = text === null ? <p class="muted">Taken away</p> : <MarkedText before={before ?? text} after={text} side="both" />;
  return (
    <li>
      <button type="button" class="revision" disabled={isNewest || text === null} onClick={onRestore} aria-describedby="history-hint">
        <span class="revision-head">
          <b>{row.author}</b>
          <span class="muted"><When at={row.created_at} />{isNewest && ", newest"}</span>
        </span>
        {what}
      </button>
    </li>
  );
}

function Revisions({ rows, onRestore }: { rows: CaptionRevision[]; onRestore: (text: string) => void }) {
  const list = useRef<HTMLOListElement>(null);
  useLayoutEffect(() => {
    const dialog = list.current?.closest("dialog");
    const buttons = () => [...(list.current?.querySelectorAll<HTMLButtonElement>("button:not(:disabled)") ?? [])];
    const move = (event: KeyboardEvent) => {
      const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      if (step === 0) return;
      event.preventDefault();
      const all = buttons();
      const at = all.indexOf(document.activeElement as HTMLButtonElement) + step;
      all[Math.min(all.length - 1, Math.max(0, at))]?.focus();
    };
    buttons()[0]?.focus();
    dialog?.addEventListener("keydown", move);
    return () => dialog?.removeEventListener("keydown", move);
  }, []);
  if (rows.length === 0) return <p class="muted">This caption has no history yet.</p>;
  return (
    <>
      <p class="muted" id="history-hint">Arrows move, Enter restores a text, Esc closes. What is gone is struck out, what is new is underlined.</p>
      <ol class="revisions" ref={list}>
        {rows.map((row, index) => (
          <Revision key={row.client_id} row={row} before={rows[index + 1]?.text ?? null} isNewest={index === 0} onRestore={() => onRestore(row.text ?? "")} />
        ))}
      </ol>
    </>
  );
}

/** What a caption has been, newest first; each text can be restored. */
export function History({ image, slot, revision, onRestore, onClose }: HistoryProps) {
  const revisions = useResource((stop) => listRevisions(image, stop), [image], revision);
  return (
    <Dialog title={slot === 0 ? "Former captions" : `Former texts of caption ${slot + 1}`} onClose={onClose} wide>
      <Loaded of={revisions}>
        {({ items }) => <Revisions rows={items.filter((row) => row.slot === slot)} onRestore={onRestore} />}
      </Loaded>
    </Dialog>
  );
}
