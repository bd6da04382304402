import { useState } from "preact/hooks";
import { type ApiError, asApiError } from "../../../api/http";
import { deleteModel, type Model, patchModel } from "../../../api/models";
import { Button } from "../../../design/button";
import { Dialog, FormDialog } from "../../../design/dialog";
import { TextField } from "../../../design/field";
import { ErrorState, Notice } from "../../../design/states";
import { datasetName } from "../../../state/datasets/dataset-names";
import { activeJobs } from "../../../state/jobs/live-jobs";
import { useAction } from "../../../state/resource";
import { toastDeleted } from "../../../state/trash";
import { tagsFrom, usesOf, withTag } from "../list/model-words";

export interface DialogProps {
  model: Model;
  onClose: () => void;
  onChanged: () => void;
}

function KnownTags({ known, text, onText }: { known: string[]; text: string; onText: (text: string) => void }) {
  const chosen = tagsFrom(text);
  if (known.length === 0) return null;
  return (
    <div class="row" role="group" aria-label="Tags in use">
      {known.map((tag) => (
        <button key={tag} type="button" class="tag-button" aria-pressed={chosen.includes(tag)} onClick={() => onText(withTag(text, tag))}>
          {tag}
        </button>
      ))}
    </div>
  );
}

/** A model's name, note and tags. known: tags that other models have. */
export function EditModel({ model, known, onClose, onChanged }: DialogProps & { known: string[] }) {
  const [name, setName] = useState(model.name);
  const [note, setNote] = useState(model.note);
  const [tags, setTags] = useState(model.tags.join(", "));
  const action = useAction(async () => {
    await patchModel(model.id, { name: name.trim(), note: note.trim(), tags: tagsFrom(tags) });
    onChanged();
    onClose();
  });
  return (
    <FormDialog title="Rename, note and tag" verb="Save" busy={action.busy} error={action.error} onClose={onClose} onSubmit={() => action.run()}>
      <TextField label="Model name" value={name} onInput={setName} required autofocus maxLength={100} />
      <TextField label="Note" value={note} onInput={setNote} maxLength={500} hint="What somebody else should know about it." />
      <TextField label="Tags" value={tags} onInput={setTags} maxLength={500} hint="Short words with commas between, such as: night, approved." />
      <KnownTags known={known} text={tags} onText={setTags} />
    </FormDialog>
  );
}

function Warned({ uses, refused }: { uses: string[]; refused: ApiError | undefined }) {
  if (refused?.status === 409) return <ul class="stack small"><li><Notice><b>{refused.message}</b> {refused.remedy}</Notice></li></ul>;
  return <ul class="stack small">{uses.map((use) => <li key={use}><Notice>{use}</Notice></li>)}</ul>;
}

/** Asks before a model is gone, and says what would miss it. */
export function DeleteModel({ model, onClose, onChanged }: DialogProps) {
  const uses = usesOf(model, activeJobs.value, datasetName);
  const [refused, setRefused] = useState<ApiError | undefined>(undefined);
  const [typed, setTyped] = useState("");
  const isWarned = uses.length > 0 || refused?.status === 409;
  const action = useAction(async () => {
    try {
      await deleteModel(model.id, isWarned, isWarned ? model.name : undefined);
    } catch (thrown) {
      setRefused(asApiError(thrown)); // somebody began to use it while this was open
      return;
    }
    onChanged();
    onClose();
    toastDeleted(`${model.name} deleted.`, { kind: "model", key: model.id }, model.name, onChanged);
  });
  const mayGo = !isWarned || typed.trim() === model.name;
  return (
    <Dialog title={`Delete ${model.name}?`} onClose={onClose}>
      <p>It goes into the trash with its indexes.{model.job_id && model.source === "trained" ? " The run's log and curves stay." : ""}</p>
      {isWarned && <Warned uses={uses} refused={refused} />}
      {isWarned && <TextField label={`Type ${model.name} to go on`} value={typed} onInput={setTyped} autofocus />}
      {refused && refused.status !== 409 && <ErrorState problem={refused} />}
      <div class="dialog-foot">
        <Button onClick={onClose}>Keep</Button>
        <Button kind="danger" busy={action.busy} disabled={!mayGo} onClick={() => action.run()}>{isWarned ? "Delete all the same" : "Delete model"}</Button>
      </div>
    </Dialog>
  );
}
