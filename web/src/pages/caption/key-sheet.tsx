import { Dialog } from "../../design/dialog";
import "./key-sheet.css";

const KEYS: [string[], string][] = [
  [["Enter"], "Save and go to the next image without one"],
  [["Esc"], "Leave; what is typed is kept"],
  [["Alt", "Right"], "Next image (also Page Down)"],
  [["Alt", "Left"], "Previous image (also Page Up)"],
  [["Backspace"], "Delete the last character"],
  [["?"], "This sheet, while the box is empty"],
];

/** All keys of the page. */
export function KeySheet({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {KEYS.map(([keys, what]) => [
          <dt key={what}>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>,
          <dd key={`${what} text`}>{what}</dd>,
        ])}
      </dl>
    </Dialog>
  );
}
