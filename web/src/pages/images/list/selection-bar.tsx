import { BadgeCheck, Flag, FlagOff, PencilLine, Replace, Tag, Trash2, X } from "lucide-preact";
import { Button } from "../../../design/button";
import { imageOf } from "../../../state/images/live-images";
import { needs } from "../../../state/people/roles";
import { useAction } from "../../../state/resource";
import { count } from "../../../text/format";
import { mark } from "./actions";

interface SelectionBarProps {
  datasetId: string;
  chosen: number[];
  onCaption: () => void;
  onEdit: () => void;
  onTag: () => void;
  onDelete: () => void;
  onClear: () => void;
}

/** What can be done with the chosen images. */
export function SelectionBar({ datasetId, chosen, onCaption, onEdit, onTag, onDelete, onClear }: SelectionBarProps) {
  const items = chosen.map(imageOf);
  const areFlagged = items.every((item) => item?.flagged_by);
  const areReviewed = items.every((item) => item?.reviewed_by);
  const flag = useAction(() => mark(datasetId, chosen, { flagged: !areFlagged }, areFlagged ? "no longer flagged" : "flagged"));
  const review = useAction(() => mark(datasetId, chosen, { reviewed: !areReviewed }, areReviewed ? "no longer reviewed" : "marked reviewed"));
  return (
    <div class="selection-bar" role="toolbar" aria-label="With the chosen images">
      <b class="num" role="status">{count(chosen.length)} chosen</b>
      <div class="row">
        <Button small icon={PencilLine} onClick={onCaption}>Caption</Button>
        <Button small icon={Replace} {...needs(datasetId, "manager")} onClick={onEdit}>Edit captions</Button>
        <Button small icon={BadgeCheck} busy={review.busy} {...needs(datasetId, "captioner")} onClick={() => review.run()}>{areReviewed ? "Not reviewed" : "Mark reviewed"}</Button>
        <Button small icon={areFlagged ? FlagOff : Flag} busy={flag.busy} {...needs(datasetId, "captioner")} onClick={() => flag.run()}>{areFlagged ? "Unflag" : "Flag"}</Button>
        <Button small icon={Tag} {...needs(datasetId, "captioner")} onClick={onTag}>Tag</Button>
        <Button small kind="danger" icon={Trash2} {...needs(datasetId, "manager")} onClick={onDelete}>Delete</Button>
      </div>
      <Button small kind="quiet" icon={X} label="Choose none (Esc)" onClick={onClear} />
    </div>
  );
}
