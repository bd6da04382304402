import { useEffect, useState } from "preact/hooks";
import type { Dataset } from "../../../api/datasets";
import { Card } from "../../../design/card";
import { ErrorState, Skeleton } from "../../../design/states";
import { Tabs } from "../../../design/tabs";
import { useResource } from "../../../state/resource";
import { count } from "../../../text/format";
import { Editor } from "./editor";
import { draftOf, hasUnsaved, isDirty, loadDraft } from "./map/drafts";
import "../../../design/chip.css";
import "./synonyms.css";

type Which = "dataset" | "shared";

/** Asks before a page with unsaved words is closed. */
function useUnloadQuestion(): void {
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => {
      if (hasUnsaved()) event.preventDefault();
    };
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, []);
}

/** Which words may stand for which: this dataset's own map, and the one that all share. */
export function SynonymsCard({ dataset }: { dataset: Dataset }) {
  const [which, setWhich] = useState<Which>("dataset");
  const loading = useResource((stop) => Promise.all([loadDraft(dataset.id, stop), loadDraft(null, stop)]), [dataset.id]);
  useUnloadQuestion();
  const own = draftOf(dataset.id);
  const shared = draftOf(null);
  const label = (name: string, draft: typeof own) => `${name}${draft ? ` ${count(draft.entries.length)}` : ""}${isDirty(draft) ? " · not saved" : ""}`;
  return (
    <Card
      id="synonyms"
      title="Synonyms"
      text="Words that may stand for each other. Plurals, capitals and a/an follow by themselves."
      beside={
        <Tabs
          name="Synonym maps"
          value={which}
          tabs={[{ value: "dataset", label: label("This dataset", own) }, { value: "shared", label: label("Shared", shared) }]}
          onChange={setWhich}
        />
      }
    >
      {loading.error && !(own && shared) && <ErrorState problem={loading.error} onRetry={loading.reload} />}
      {own && shared ? (
        <Editor key={which} datasetId={dataset.id} which={which} draft={which === "dataset" ? own : shared} shared={shared.entries} />
      ) : (
        !loading.error && <Skeleton heights={[36, 240]} />
      )}
    </Card>
  );
}
