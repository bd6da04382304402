import { useEffect, useState } from "preact/hooks";
import { type EditMode, type EditPreview, type EditRequest, previewEdit, startEdit } from "../../../api/captions";
import { type ApiError, asApiError } from "../../../api/http";
import type { Job } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { Dialog } from "../../../design/dialog";
import { Check, TextField } from "../../../design/field";
import { ErrorState, Notice } from "../../../design/states";
import { Tabs } from "../../../design/tabs";
import { followEdit } from "../../../state/captions/bulk-edits";
import { useAction } from "../../../state/resource";
import { countOf } from "../../../text/format";
import { BLANK_EDIT, type EditForm, editRequest, editVerb, MODES, previewWords, type Scope, scopeWords } from "./edit-form";
import { Differences } from "./edit-preview";
import "./edit-dialog.css";

const TYPING_MS = 250;

interface Previewed {
  /** The request the answer belongs to, as text. */
  of: string;
  data: EditPreview | undefined;
  error: ApiError | undefined;
}

/** The preview of the form as it stands; `isFresh` once it is there. */
function usePreview(datasetId: string, edit: EditRequest | null): Previewed & { isFresh: boolean } {
  const name = edit ? JSON.stringify(edit) : "";
  const [shown, setShown] = useState<Previewed>({ of: "", data: undefined, error: undefined });
  useEffect(() => {
    if (!edit) return undefined;
    const stop = new AbortController();
    const timer = window.setTimeout(() => {
      previewEdit(datasetId, edit, stop.signal).then(
        (data) => setShown({ of: name, data, error: undefined }),
        (thrown: unknown) => stop.signal.aborted || setShown({ of: name, data: undefined, error: asApiError(thrown) }),
      );
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [name]);
  if (!edit) return { of: "", data: undefined, error: undefined, isFresh: false };
  return { ...shown, isFresh: shown.of === name };
}

interface FieldsProps {
  form: EditForm;
  onChange: (change: Partial<EditForm>) => void;
}

function ReplaceFields({ form, onChange }: FieldsProps) {
  return (
    <>
      <div class="edit-two">
        <TextField label="Find" value={form.find} autofocus maxLength={500} onInput={(find) => onChange({ find })} />
        <TextField label="Replace with" value={form.text} placeholder="Nothing: take it out" maxLength={2000} onInput={(text) => onChange({ text })} />
      </div>
      <div class="row edit-options">
        <Check label="Whole words" checked={form.whole_words} onChange={(whole_words) => onChange({ whole_words })} />
        <Check label="Match case" checked={form.match_case} onChange={(match_case) => onChange({ match_case })} />
        <Check label="Pattern" checked={form.regex} onChange={(regex) => onChange({ regex, whole_words: !regex })} />
        {form.regex && <small class="muted">A regular expression; <code>\1</code> puts its first group in.</small>}
      </div>
    </>
  );
}

const TEXTS: Record<Exclude<EditMode, "replace" | "clear">, { label: string; hint: string }> = {
  prepend: { label: "Text to put before each caption", hint: "Where it stands already it is not added again. A space is put between words." },
  append: { label: "Text to put after each caption", hint: "Where it stands already it is not added again. A space is put between words." },
  set: { label: "Caption of every image", hint: "Also of images without one. Their second and later captions stay." },
};

function Fields(props: FieldsProps) {
  const { form, onChange } = props;
  if (form.mode === "replace") return <ReplaceFields {...props} />;
  if (form.mode === "clear") return <p>Takes every caption of these images away. The history keeps them.</p>;
  const { label, hint } = TEXTS[form.mode];
  return <TextField key={form.mode} label={label} hint={hint} value={form.text} autofocus maxLength={2000} onInput={(text) => onChange({ text })} />;
}

function Refused({ of }: { of: EditPreview }) {
  if (of.rejected_count === 0) return null;
  return (
    <details class="edit-refused">
      <summary>{countOf(of.rejected_count, "caption")} cannot be changed so and {of.rejected_count === 1 ? "stays" : "stay"}</summary>
      <ul>{of.rejected.map((row) => <li key={`${row.image_id}.${row.slot}`}><span class="clip">{row.text}</span> <span class="muted">{row.reason}</span></li>)}</ul>
    </details>
  );
}

interface EditDialogProps {
  datasetId: string;
  scope: Scope;
  mode?: EditMode;
  onClose: () => void;
  onStarted: (job: Job) => void;
}

/** Changes many captions alike: what will change is shown while the form is filled in. */
export function EditDialog({ datasetId, scope, mode = "replace", onClose, onStarted }: EditDialogProps) {
  const [form, setForm] = useState<EditForm>({ ...BLANK_EDIT, mode });
  const edit = editRequest(form, scope);
  const { data, error, isFresh } = usePreview(datasetId, edit);
  const changed = data?.count ?? 0;
  const action = useAction(async () => {
    if (!edit || !data) return;
    onStarted(followEdit((await startEdit(datasetId, { ...edit, token: data.token })).job));
    onClose();
  });
  return (
    <Dialog wide title="Edit captions" onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (isFresh && changed > 0) action.run();
        }}
      >
        <div class="row spread">
          <Tabs name="Kind of edit" value={form.mode} tabs={MODES} onChange={(next) => setForm({ ...form, mode: next })} />
          <span class="muted">In {scopeWords(scope)}</span>
        </div>
        <Fields form={form} onChange={(change) => setForm({ ...form, ...change })} />
        {edit && error && <ErrorState problem={error} />}
        <div class="edit-preview" aria-busy={edit !== null && !isFresh}>
          <p role="status" class="num">{data ? previewWords(data) : error ? "" : edit ? "Looking..." : "Type what to look for or to add: what changes is shown here before anything is saved."}</p>
          {data && data.reviewed > 0 && <Notice>{countOf(data.reviewed, "reviewed image")} {data.reviewed === 1 ? "needs" : "need"} a new look afterwards.</Notice>}
          {data && <Differences of={data} />}
          {data && <Refused of={data} />}
        </div>
        {action.error && <ErrorState problem={action.error} datasetId={datasetId} onRetry={() => action.run()} />}
        <div class="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind={form.mode === "clear" ? "danger" : "primary"} type="submit" busy={action.busy} disabled={!isFresh || changed === 0}>
            {editVerb(form.mode, changed)}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
