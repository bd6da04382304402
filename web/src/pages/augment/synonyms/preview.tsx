import { RefreshCw } from "lucide-preact";
import { Button } from "../../../design/button";
import { ErrorState, Skeleton } from "../../../design/states";
import { differences, sideOf } from "../../../text/captions/differences";
import type { Checked } from "./map/use-check";

function Variant({ caption, text }: { caption: string; text: string }) {
  return (
    <li dir="auto">
      {sideOf(differences(caption, text), "after").map((piece, at) => (piece.kind === "same" ? piece.text : <ins key={at}>{piece.text}</ins>))}
    </li>
  );
}

/** What the map as it stands makes of captions of this dataset. */
export function Preview({ of: { answer, error, busy }, word, onOthers }: { of: Checked; word: string; onOthers: () => void }) {
  return (
    <section class="syn-preview" aria-label="Preview" aria-busy={busy}>
      <div class="row spread">
        <h3>Preview{word && <> of captions with “{word}”</>}</h3>
        <Button kind="quiet" small icon={RefreshCw} onClick={onOthers}>Other captions</Button>
      </div>
      {error && <ErrorState problem={error} />}
      {!answer && !error && <Skeleton heights={[64, 64, 64]} />}
      {answer?.previews.length === 0 && <p class="muted">{word ? "No caption of this dataset holds it." : "This dataset has no captions yet."}</p>}
      <ul class="syn-captions">
        {answer?.previews.map(({ caption, variants }) => (
          <li key={caption}>
            <p dir="auto">{caption}</p>
            {variants.length === 0 ? <p class="muted">No variant.</p> : <ul>{variants.map((text) => <Variant key={text} caption={caption} text={text} />)}</ul>}
          </li>
        ))}
      </ul>
    </section>
  );
}
