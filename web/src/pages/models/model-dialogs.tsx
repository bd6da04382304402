import { useState } from "preact/hooks";
import { deleteModel, patchModel } from "../../api/calls";
import type { Model } from "../../api/types";
import { Confirm, FormDialog } from "../../design/dialog";
import { TextField } from "../../design/field";
import { useAction } from "../../state/resource";

interface DialogProps {
  model: Model;
  onClose: () => void;
  onChanged: () => void;
}

/** A model's name and note. */
export function EditModel({ model, onClose, onChanged }: DialogProps) {
  const [name, setName] = useState(model.name);
  const [note, setNote] = useState(model.note ?? "");
  const action = useAction(async () => {
    await patchModel(model.id, { name: name.trim(), note: note.trim() });
    onChanged();
    onClose();
  });
  return (
    <FormDialog title="Rename model" verb="Save" busy={action.busy} error={action.error} onClose={onClose} onSubmit={() => action.run()}>
      <TextField label="Model name" value={name} onInput={setName} required autofocus maxLength={100} />
      <TextField label="Note" value={note} onInput={setNote} maxLength={500} hint="What somebody else should know about it." />
    </FormDialog>
  );
}

export function DeleteModel({ model, onClose, onChanged }: DialogProps) {
  return (
    <Confirm
      title={`Delete ${model.name}?`}
      text={model.indexes.length > 0 ? `Its folder and its indexes of ${model.indexes.join(", ")} are deleted.` : "Its folder is deleted. The run's log and curves stay."}
      verb="Delete model"
      onClose={onClose}
      act={() => deleteModel(model.id, model.indexes.length > 0).then(onChanged)}
    />
  );
}
