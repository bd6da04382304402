import { useState } from "preact/hooks";
import { type Dataset, listDatasets } from "../../../api/datasets";
import { chooseModel, type Model } from "../../../api/models";
import { Button } from "../../../design/button";
import { Dialog, FormDialog } from "../../../design/dialog";
import { Select } from "../../../design/field";
import { Loaded } from "../../../design/states";
import { go } from "../../../routing/router";
import { datasetPath, searchPath } from "../../../routing/routes";
import { touchDataset } from "../../../state/datasets/live-datasets";
import { useAction, useResource } from "../../../state/resource";
import { toast } from "../../../state/toasts";
import type { DialogProps } from "./model-dialogs";

const optionsOf = (datasets: readonly Dataset[]) => datasets.map(({ id, name }) => ({ value: id, label: name }));

/** The datasets to choose from, with the model's own one first. */
function useDatasets(model: Model) {
  const found = useResource((stop) => listDatasets(stop), []);
  const [chosen, setChosen] = useState<string | null>(null);
  const items = found.data?.items ?? [];
  const own = items.find((one) => one.id === model.dataset_id) ?? items[0];
  return { found, items, chosen: chosen ?? own?.id ?? "", setChosen };
}

function NoDataset({ onClose }: { onClose: () => void }) {
  return (
    <>
      <p>There is no dataset yet.</p>
      <div class="dialog-foot"><Button onClick={onClose}>Close</Button><Button kind="primary" href="/">Go to datasets</Button></div>
    </>
  );
}

function DefaultForm({ model, onClose, onChanged, datasets }: DialogProps & { datasets: ReturnType<typeof useDatasets> }) {
  const { items, chosen, setChosen } = datasets;
  const isDefault = items.find((one) => one.id === chosen)?.model_id === model.id;
  const action = useAction(async () => {
    const { name } = await chooseModel(chosen, isDefault ? null : model.id);
    touchDataset(chosen);
    onChanged();
    onClose();
    toast({ tone: "done", text: isDefault ? `${name} is searched with its newest index again.` : `${name} is now searched with ${model.name}.`, href: searchPath(chosen, {}) });
  });
  const hint = isDefault
    ? "It is the default model there. Without a default, search begins with the newest index."
    : model.indexes.includes(chosen)
      ? "Search there begins with this model, until somebody chooses another one."
      : "Search there begins with this model as soon as its index is built.";
  return (
    <FormDialog title="Default model of a dataset" verb={isDefault ? "Take the default away" : "Make default"} busy={action.busy} error={action.error} onClose={onClose} onSubmit={() => action.run()}>
      <Select label="Dataset" value={chosen} options={optionsOf(items)} onChange={setChosen} hint={hint} />
    </FormDialog>
  );
}

/** Makes a model the one that a dataset is searched with. */
export function DefaultDialog(props: DialogProps) {
  const datasets = useDatasets(props.model);
  if (datasets.items.length > 0) return <DefaultForm {...props} datasets={datasets} />;
  return (
    <Dialog title="Default model of a dataset" onClose={props.onClose}>
      <Loaded of={datasets.found}>{() => <NoDataset onClose={props.onClose} />}</Loaded>
    </Dialog>
  );
}

/** Chooses the dataset to train a model on further. */
export function TrainOnDialog({ model, onClose }: Omit<DialogProps, "onChanged">) {
  const { found, items, chosen, setChosen } = useDatasets(model);
  if (items.length === 0) {
    return <Dialog title={`Train on from ${model.name}`} onClose={onClose}><Loaded of={found}>{() => <NoDataset onClose={onClose} />}</Loaded></Dialog>;
  }
  const open = () => go(`${datasetPath(chosen, "train")}?pretrained=${encodeURIComponent(model.id)}`);
  return (
    <FormDialog title={`Train on from ${model.name}`} verb="Go to settings" busy={false} error={undefined} onClose={onClose} onSubmit={open}>
      <Select label="Dataset" value={chosen} options={optionsOf(items)} onChange={setChosen} hint="The new run begins with this model's weights and learns from this dataset's captions. This model stays as it is." />
    </FormDialog>
  );
}
