import { useEffect, useRef, useState } from "preact/hooks";
import { FormDialog } from "../../../design/dialog";
import { TextField } from "../../../design/field";
import { imageOf } from "../../../state/images/live-images";
import { useAction } from "../../../state/resource";
import { countOf } from "../../../text/format";
import { mark } from "./actions";

const MAX_CHARS = 80;

interface TagDialogProps {
  datasetId: string;
  chosen: number[];
  onClose: () => void;
}

/** The kind of picture that the chosen images are; nothing takes it away. */
export function TagDialog({ datasetId, chosen, onClose }: TagDialogProps) {
  const tags = new Set(chosen.map((id) => imageOf(id)?.tag ?? ""));
  const [tag, setTag] = useState(tags.size === 1 ? ([...tags][0] ?? "") : "");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  const done = tag.trim() ? `tagged "${tag.trim()}"` : "without a tag now";
  const action = useAction(() => mark(datasetId, chosen, { tag: tag.trim() }, done).then(onClose));
  return (
    <FormDialog title={`Tag ${countOf(chosen.length, "image")}`} verb={tag.trim() ? "Set tag" : "Take tag away"} busy={action.busy} error={action.error} onClose={onClose} onSubmit={() => action.run()}>
      <TextField
        label="Tag"
        value={tag}
        autofocus
        inputRef={field}
        maxLength={MAX_CHARS}
        onInput={setTag}
        hint={tags.size > 1 ? "These images have different tags now; all get this one." : "A split can give each tag its share. Leave it empty to take the tag away."}
      />
    </FormDialog>
  );
}
