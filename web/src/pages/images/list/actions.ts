/** What can be done with chosen images. */
import { type MarkChange, markImages } from "../../../api/captions";
import { asApiError } from "../../../api/http";
import { type DeletedImages, deleteImages } from "../../../api/images";
import { imageOf } from "../../../state/images/live-images";
import { toast } from "../../../state/toasts";
import { toastDeleted } from "../../../state/trash";
import { countOf } from "../../../text/format";
import { portions } from "./selection";

const MARKED_AT_ONCE = 1000;
const DELETED_AT_ONCE = 500;

/** "3 left out: it has no caption (2), it is your own (1)". */
function skippedWords(skipped: readonly { image_id: number; reason: string }[]): string {
  const reasons = new Map<string, number>();
  for (const { image_id, reason } of skipped) {
    const said = reason.replaceAll(` ${image_id}`, "");
    reasons.set(said, (reasons.get(said) ?? 0) + 1);
  }
  return [...reasons].map(([reason, many]) => `${countOf(many, "image")} left out: ${reason}`).join(" ");
}

/** The revisions that are shown, so that nobody reviews a text unseen; left out while one is not known. */
function shownRevisions(ids: readonly number[]): Pick<MarkChange, "revisions"> {
  const revisions = ids.map((id) => imageOf(id)?.revision);
  return revisions.every((revision) => revision !== undefined) ? { revisions: revisions as number[] } : {};
}

/** Flags, reviews or tags, and says what was done. */
export async function mark(datasetId: string, ids: readonly number[], marks: MarkChange, done: string): Promise<void> {
  try {
    const answers = [];
    for (const part of portions(ids, MARKED_AT_ONCE)) {
      answers.push(await markImages(datasetId, part, { ...marks, ...(marks.reviewed ? shownRevisions(part) : {}) }));
    }
    const changed = answers.reduce((sum, answer) => sum + answer.changed, 0);
    const skipped = answers.flatMap((answer) => answer.skipped);
    toast({ tone: skipped.length > 0 ? "waiting" : "done", text: `${countOf(changed, "image")} ${done}. ${skippedWords(skipped)}`.trim() });
  } catch (thrown) {
    const { message, remedy } = asApiError(thrown);
    toast({ tone: "failed", text: `${message} ${remedy}` });
  }
}

/** More than this many ask for the dataset's name. */
export const MANY = 100;

/** Deletes images and says so, with a way back. confirm: the dataset's name, where there are many. */
export async function remove(datasetId: string, ids: readonly number[], confirm: string | undefined, onBack: () => void): Promise<void> {
  let deleted = 0;
  let batch: string | null = null;
  for (const part of portions(ids, DELETED_AT_ONCE)) {
    const done: DeletedImages = await deleteImages(datasetId, part, confirm, batch);
    deleted += done.deleted;
    batch ??= done.batch;
  }
  toastDeleted(`${countOf(deleted, "image")} deleted.`, batch ? { kind: "images", key: batch } : null, "", onBack);
}
