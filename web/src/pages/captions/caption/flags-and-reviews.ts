/** Flags and reviews: shown at once, taken back when the server refuses. */
import { putFlag, putReview } from "../../../api/captions";
import { asApiError } from "../../../api/http";
import type { ImageItem } from "../../../api/images";
import { headOf, slotsOf } from "../../../state/captions/heads";
import { patchImage, rememberImages } from "../../../state/images/live-images";
import { myName } from "../../../state/people/session";
import { announce, toast } from "../../../state/toasts";

async function change(item: ImageItem, shown: Partial<ImageItem>, send: () => Promise<ImageItem>, said: string): Promise<void> {
  const before = Object.fromEntries(Object.keys(shown).map((key) => [key, item[key as keyof ImageItem]]));
  patchImage(item.id, shown);
  announce(said);
  try {
    rememberImages([await send()]);
  } catch (thrown) {
    patchImage(item.id, before);
    const { message, remedy } = asApiError(thrown);
    toast({ tone: "failed", text: [message, remedy].filter(Boolean).join(" ") });
    announce(message);
  }
}

/** Flags an image, with a note or without; or takes the flag away. */
export function setFlag(item: ImageItem, flagged: boolean, note = ""): void {
  const shown = flagged ? { flagged_by: myName(), flag_note: note } : { flagged_by: null, flag_note: "" };
  void change(item, shown, () => putFlag(item.id, flagged, note), flagged ? "Flagged." : "The flag is away.");
}

/** Why a caption cannot be reviewed by me, in one sentence; null when it can. */
export function reviewProblem(item: ImageItem, hasDraft: boolean): string | null {
  const head = headOf(item, 0);
  if (hasDraft) return "Save your change first: what is saved is reviewed.";
  if (head.text === null) return "There is no caption to review yet.";
  if (head.by === myName()) return "You wrote this caption: another person reviews it.";
  return null;
}

/** Marks the caption as reviewed by me, or takes the mark away. */
export function setReviewed(item: ImageItem, reviewed: boolean): void {
  const extras = slotsOf(item).filter((slot) => slot > 0).map((slot): [number, number] => [slot, headOf(item, slot).revision]);
  const send = () => putReview(item.id, reviewed, headOf(item, 0).revision, extras);
  void change(item, { reviewed_by: reviewed ? myName() : null }, send, reviewed ? "Reviewed." : "No longer reviewed.");
}
