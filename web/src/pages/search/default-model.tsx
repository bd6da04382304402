import { Star } from "lucide-preact";
import { chooseModel } from "../../api/models";
import { Button } from "../../design/button";
import { ErrorState } from "../../design/states";
import { touchDataset } from "../../state/datasets/live-datasets";
import { needs } from "../../state/people/roles";
import { useAction } from "../../state/resource";
import { announce } from "../../state/toasts";

interface DefaultModelProps {
  datasetId: string;
  /** The model in use, and its name. */
  model: string;
  name: string;
  /** The dataset's default model. */
  chosen: string | null;
  onChanged: () => void;
}

/** Says whether the model in use is the dataset's default, and makes it that. */
export function DefaultModel({ datasetId, model, name, chosen, onChanged }: DefaultModelProps) {
  const choose = useAction(async () => {
    await chooseModel(datasetId, model);
    touchDataset(datasetId);
    onChanged();
    announce(`Search here now begins with ${name}.`);
  });
  if (model === chosen) return <p class="search-line"><Star size={14} aria-hidden />Search here begins with this model.</p>;
  return (
    <>
      <p class="search-line">
        <Button kind="quiet" small icon={Star} busy={choose.busy} {...needs(datasetId, "manager")} onClick={() => choose.run()}>Make {name} the default here</Button>
      </p>
      {choose.error && <ErrorState problem={choose.error} datasetId={datasetId} onRetry={() => choose.run()} />}
    </>
  );
}
