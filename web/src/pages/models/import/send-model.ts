/** Sends a model's zip in portions: what broke off goes on where it was when the same file is chosen again. */
import { asApiError } from "../../../api/http";
import { beginUpload } from "../../../api/images";
import type { Job } from "../../../api/jobs";
import { importModel } from "../../../api/models";
import { sendPortion } from "../../../state/images/uploads";

const PAUSES_MS = [1000, 2000, 4000, 8000];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Does it again after growing pauses while there is no answer. */
async function persist<T>(act: () => Promise<T>, stop: AbortSignal): Promise<T> {
  for (const pause_ms of PAUSES_MS) {
    try {
      return await act();
    } catch (thrown) {
      const { status } = asApiError(thrown);
      if (stop.aborted || (status !== 0 && status < 502)) throw thrown;
      await pause(pause_ms);
    }
  }
  return act();
}

/** The job that takes the model in. onSent: bytes so far. Rejects with an AbortError when it is stopped. */
export async function sendModel(file: File, name: string, onSent: (bytes: number) => void, stop: AbortSignal): Promise<Job> {
  const { id, offset } = await persist(() => beginUpload(file.name, file.size, `${file.name} ${file.size} ${file.lastModified}`), stop);
  let at = offset;
  while (at < file.size) {
    stop.throwIfAborted();
    const from = at;
    at = await persist(() => sendPortion(id, file, from), stop);
    onSent(at);
  }
  stop.throwIfAborted();
  return (await persist(() => importModel(id, name), stop)).job;
}
