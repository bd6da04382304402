import { Plus, X } from "lucide-preact";
import { Button } from "../../../../design/button";
import { type Keymap, keyWords } from "../keys/keymap";
import "./slot-list.css";

export interface SlotText {
  slot: number;
  text: string;
}

interface SlotListProps {
  slots: SlotText[];
  open: number;
  keymap: Keymap;
  onOpen: (slot: number) => void;
  onAdd: () => void;
  onRemove: (slot: number) => void;
}

/** The captions of an image that has several: one is in the box, the others can be read. */
export function SlotList({ slots, open, keymap, onOpen, onAdd, onRemove }: SlotListProps) {
  if (slots.length < 2) return null;
  const [down] = keymap.slotDown;
  const [add] = keymap.add;
  return (
    <ol class="slots" aria-label="Captions of this image">
      {slots.map(({ slot, text }, at) => (
        <li key={slot} class={slot === open ? "open" : ""}>
          <button type="button" aria-current={slot === open ? "true" : undefined} title={down && `Next caption: ${keyWords(down)}`} onClick={() => onOpen(slot)}>
            <span class="num" aria-hidden="true">{at + 1}</span>
            <span class="unseen">Caption {at + 1}:</span>
            <span class="clip" dir="auto">{text || (slot === open ? "in the box" : "empty")}</span>
          </button>
          {slot > 0 && <Button kind="quiet" small icon={X} label={`Take caption ${at + 1} away`} onClick={() => onRemove(slot)} />}
        </li>
      ))}
      <li>
        <Button kind="quiet" small icon={Plus} title={add && keyWords(add)} onClick={onAdd}>One more</Button>
      </li>
    </ol>
  );
}
