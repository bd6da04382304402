import { Button } from "../../design/button";
import { captionPath } from "../../routes";
import type { Entry } from "../../state/outbox";
import { conflicts, decideConflict } from "../../state/saving";
import "./conflicts.css";

function Conflict({ entry }: { entry: Entry }) {
  const { client_id, current } = entry;
  return (
    <div class="conflict">
      <p>
        {current
          ? <>{current.by} saved another text for <a href={captionPath(entry.dataset_id, entry.image_id)}>image {entry.image_id}</a> while you typed. Both are kept until you choose.</>
          : <>The text for <a href={captionPath(entry.dataset_id, entry.image_id)}>image {entry.image_id}</a> was not saved. {entry.problem}</>}
      </p>
      <div class="texts">
        {current && (
          <div>
            <h4>{current.by} wrote</h4>
            <p>{current.text}</p>
            <Button small onClick={() => decideConflict(client_id, "theirs")}>Take this one</Button>
          </div>
        )}
        <div>
          <h4>You wrote</h4>
          <p>{entry.text}</p>
          <div class="row">
            <Button small kind="primary" onClick={() => decideConflict(client_id, "mine")}>{current ? "Keep mine" : "Send again"}</Button>
            {!current && <Button small kind="danger" onClick={() => decideConflict(client_id, "theirs")}>Discard</Button>}
          </div>
        </div>
      </div>
    </div>
  );
}

/** What was typed and met another text: both are shown, the person chooses. */
export function Conflicts({ datasetId }: { datasetId: string }) {
  const open = conflicts.value.filter((entry) => entry.dataset_id === datasetId);
  if (open.length === 0) return null;
  return (
    <section class="conflicts" aria-label="Conflicts">
      {open.map((entry) => <Conflict key={entry.client_id} entry={entry} />)}
    </section>
  );
}
