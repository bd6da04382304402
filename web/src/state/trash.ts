/** Bringing back what was deleted, from wherever it was. */
import { asApiError } from "../api/http";
import { type InTrash, type Restored, restore } from "../api/trash";
import { countOf } from "../text/format";
import { toast } from "./toasts";

/** What came back, in a sentence. */
export function restoredText(back: Restored, name: string): string {
  if (back.kind !== "images") return `${name} is back.`;
  const stayed = back.left > 0 ? ` ${countOf(back.left, "picture")} had been uploaded again; what was deleted stays in the trash.` : "";
  return `${countOf(back.images, "image")} back.${stayed}`;
}

/** Brings something back and says so. */
export async function bringBack(what: InTrash, name: string, onBack?: () => void): Promise<void> {
  const back = await restore(what);
  toast({ tone: back.left > 0 ? "waiting" : "done", text: restoredText(back, name) });
  onBack?.();
}

/** Says that something was deleted, with a button that brings it back; without where nothing is kept. */
export function toastDeleted(text: string, what: InTrash | null, name: string, onBack?: () => void): void {
  const undo = (inTrash: InTrash) => {
    bringBack(inTrash, name, onBack).catch((thrown: unknown) => {
      const { message, remedy } = asApiError(thrown);
      toast({ tone: "failed", text: `${message} ${remedy}` });
    });
  };
  toast({ tone: "done", text, ...(what ? { action: { verb: "Undo", run: () => undo(what) } } : {}) });
}
