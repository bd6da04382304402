import { FileUp, PackageX } from "lucide-preact";
import { useState } from "preact/hooks";
import { listModels, type Model } from "../../../api/models";
import { Button } from "../../../design/button";
import { PageHead } from "../../../design/page-head";
import { EmptyState, Loaded } from "../../../design/states";
import { params } from "../../../routing/router";
import { anyDatasetVersion } from "../../../state/datasets/live-datasets";
import { activeJobs } from "../../../state/jobs/live-jobs";
import { useResource } from "../../../state/resource";
import { useTitle } from "../../../state/title";
import { catalogueOf, tunedOf } from "../../../text/models/model-choices";
import { ImportDialog } from "../import/import-dialog";
import { ModelPage } from "../model/model-page";
import { CatalogueTable } from "./catalogue-table";
import { TunedTable } from "./tuned-table";
import "./models.css";

function Chosen({ id, models, onChanged }: { id: string; models: Model[]; onChanged: () => void }) {
  const model = tunedOf(models).find((one) => one.id === id);
  if (model) return <ModelPage key={id} model={model} all={models} onChanged={onChanged} />;
  return (
    <EmptyState icon={PackageX} title="There is no such model" text="It may have been deleted. Models of the catalogue have no page of their own.">
      <Button href="/models">Show all models</Button>
    </EmptyState>
  );
}

interface RegistryProps {
  models: Model[];
  onChanged: () => void;
  onImport: () => void;
}

function Registry({ models, onChanged, onImport }: RegistryProps) {
  useTitle("Models");
  const filter = { q: params.value.get("q") ?? "", tag: params.value.get("tag") ?? "" };
  return (
    <div class="stack">
      <TunedTable models={tunedOf(models)} filter={filter} onChanged={onChanged} onImport={onImport} />
      <CatalogueTable models={catalogueOf(models)} />
    </div>
  );
}

/** The registry: `?q=` and `?tag=` choose among the models, `?model=` shows one of them. */
export function ModelsPage() {
  const chosen = params.value.get("model");
  const [isImporting, setImporting] = useState(false);
  const models = useResource((stop) => listModels(stop), [], `${activeJobs.value.length} ${anyDatasetVersion()}`);
  return (
    <>
      {chosen === null && (
        <PageHead title="Models" text="Choose one in search, or start a training from it.">
          <Button icon={FileUp} onClick={() => setImporting(true)}>Import model</Button>
          <Button href="/compare">Compare runs</Button>
        </PageHead>
      )}
      <Loaded of={models} heights={[160, 220]}>
        {({ items }) =>
          chosen !== null ? (
            <Chosen id={chosen} models={items} onChanged={models.reload} />
          ) : (
            <Registry models={items} onChanged={models.reload} onImport={() => setImporting(true)} />
          )
        }
      </Loaded>
      {isImporting && <ImportDialog onClose={() => setImporting(false)} />}
    </>
  );
}
