import { useState } from "preact/hooks";
import { Button } from "../../../../design/button";
import { Dialog } from "../../../../design/dialog";
import { KeyTable, ResetKeys } from "./key-table";

/** All keys of the page; here they can be changed, too. */
export function KeySheet({ onClose }: { onClose: () => void }) {
  const [isEditing, setEditing] = useState(false);
  return (
    <Dialog title="Keys" onClose={onClose} wide>
      <KeyTable isEditable={isEditing} />
      <div class="dialog-foot">
        {isEditing && <ResetKeys />}
        <Button pressed={isEditing} onClick={() => setEditing(!isEditing)}>{isEditing ? "Done" : "Change keys"}</Button>
      </div>
    </Dialog>
  );
}
