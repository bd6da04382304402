import { useState } from "preact/hooks";
import { pauseQueue, type Queue } from "../../../api/jobs";
import { FormDialog } from "../../../design/dialog";
import { TextField } from "../../../design/field";
import { useAction } from "../../../state/resource";
import { queueWord } from "../../../text/jobs/queue-words";

interface PauseDialogProps {
  name: string;
  onClose: () => void;
  onPaused: (queue: Queue) => void;
}

/** Asks why a queue is paused: everybody whose job waits reads it. */
export function PauseDialog({ name, onClose, onPaused }: PauseDialogProps) {
  const [reason, setReason] = useState("");
  const pause = useAction(async () => {
    onPaused(await pauseQueue(name, reason.trim()));
    onClose();
  });
  return (
    <FormDialog title={`Pause the ${queueWord(name)}`} verb="Pause queue" busy={pause.busy} error={pause.error} onClose={onClose} onSubmit={pause.run}>
      <p>What runs goes on. Nothing new begins until somebody resumes the queue.</p>
      <TextField label="Reason" value={reason} onInput={setReason} placeholder="moving the machine" hint="Shown to everybody whose job waits." maxLength={200} autofocus />
    </FormDialog>
  );
}
