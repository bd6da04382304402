import { useEffect, useMemo, useState } from "preact/hooks";
import type { EditedCaption, EditPreview } from "../../../api/captions";
import { Button } from "../../../design/button";
import { differences } from "../../../text/captions/differences";
import { count } from "../../../text/format";

const SHOWN = 20;

function Difference({ row }: { row: EditedCaption }) {
  const pieces = useMemo(() => differences(row.before ?? "", row.after ?? ""), [row.before, row.after]);
  return (
    <li class="difference">
      <img src={row.thumb_url} alt="" loading="lazy" />
      <div>
        <small class="muted clip">{row.filename}{row.slot > 0 ? `, caption ${row.slot + 1}` : ""}</small>
        <p>
          {pieces.map(({ text, kind }, index) =>
            kind === "same" ? <span key={index}>{text}</span> : kind === "gone" ? <del key={index}>{text}</del> : <ins key={index}>{text}</ins>,
          )}
        </p>
      </div>
    </li>
  );
}

/** Captions before and after, differences marked; the first ones, then as many as are asked for. */
export function Differences({ of }: { of: EditPreview }) {
  const [shown, setShown] = useState(SHOWN);
  useEffect(() => setShown(SHOWN), [of]);
  if (of.items.length === 0) return null;
  const rest = of.count - Math.min(shown, of.items.length);
  return (
    <>
      <ul class="differences" aria-label="Captions before and after" tabIndex={0}>
        {of.items.slice(0, shown).map((row) => <Difference key={`${row.image_id}.${row.slot}`} row={row} />)}
        {rest > 0 && (
          <li class="row">
            {shown < of.items.length
              ? <Button small onClick={() => setShown(of.items.length)}>Show {count(Math.min(of.items.length, of.count))}</Button>
              : <span class="muted">and {count(rest)} more</span>}
          </li>
        )}
      </ul>
    </>
  );
}
