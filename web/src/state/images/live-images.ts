/** Images seen since the page was loaded, so that going back shows them at once; kept current by events. */
import { signal } from "@preact/signals";
import type { CaptionEvent, ImageEvent } from "../../api/events";
import { getImage, type ImageItem } from "../../api/images";

const items = signal<ReadonlyMap<number, ImageItem>>(new Map());

export const imageOf = (id: number): ImageItem | undefined => items.value.get(id);

export function rememberImages(found: readonly ImageItem[]): void {
  const next = new Map(items.value);
  found.forEach((item) => next.set(item.id, item));
  items.value = next;
}

/** Changes what is known of an image, if anything is. */
export function patchImage(id: number, change: Partial<ImageItem>): void {
  const item = items.value.get(id);
  if (item) items.value = new Map(items.value).set(id, { ...item, ...change });
}

export async function fetchImage(id: number): Promise<void> {
  rememberImages([await getImage(id)]);
}

export function onImageEvent({ image_id, flagged_by, flag_note, reviewed_by, tag }: ImageEvent): void {
  patchImage(image_id, { flagged_by, flag_note, reviewed_by, tag });
}

/** A new text needs a new look: the server takes the review away. */
export function onCaptionSaved({ image_id, slot, text, revision, by }: CaptionEvent): void {
  const item = items.value.get(image_id);
  if (!item) return;
  const isNewer = !slot && revision > item.revision;
  const own = isNewer ? { caption: text, revision, captioned_by: by, claimed_by: null } : {};
  patchImage(image_id, { ...own, reviewed_by: null, reviewed_at: null });
}
