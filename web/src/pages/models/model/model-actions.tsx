import { Download, Pencil, Star, Trash2, TrendingUp } from "lucide-preact";
import { useState } from "preact/hooks";
import { type Model, modelDownload } from "../../../api/models";
import { Button } from "../../../design/button";
import { needs } from "../../../state/people/roles";
import { DefaultDialog, TrainOnDialog } from "./dataset-dialogs";
import { DeleteModel, EditModel } from "./model-dialogs";

interface ModelActionsProps {
  model: Model;
  /** Tags that other models have. */
  known: string[];
  /** In a row of a table: icons alone, their names for screen readers and on hover. */
  small?: boolean;
  onChanged: () => void;
  onDeleted: () => void;
}

type Open = "default" | "train" | "edit" | "delete" | null;

/** All that can be done with a tuned model. */
export function ModelActions({ model, known, small = false, onChanged, onDeleted }: ModelActionsProps) {
  const [open, setOpen] = useState<Open>(null);
  const dialog = { model, onChanged, onClose: () => setOpen(null) };
  const look = (verb: string) => (small ? { kind: "quiet" as const, small: true, label: `${verb}: ${model.name}` } : { children: verb });
  const mine = model.dataset_id ? needs(model.dataset_id, "manager") : {};
  return (
    <>
      <div class={small ? "model-actions" : "row"} role="group" aria-label={`Actions of ${model.name}`}>
        <Button icon={Star} {...look("Make default")} onClick={() => setOpen("default")} />
        <Button icon={TrendingUp} {...look("Train on from it")} onClick={() => setOpen("train")} />
        <Button icon={Download} {...look("Download")} href={modelDownload(model.id)} download />
        <Button icon={Pencil} {...look("Rename, note and tag")} {...mine} onClick={() => setOpen("edit")} />
        <Button icon={Trash2} {...look("Delete")} {...mine} onClick={() => setOpen("delete")} />
      </div>
      {open === "default" && <DefaultDialog {...dialog} />}
      {open === "train" && <TrainOnDialog {...dialog} />}
      {open === "edit" && <EditModel {...dialog} known={known} />}
      {open === "delete" && <DeleteModel {...dialog} onChanged={onDeleted} />}
    </>
  );
}
