/** Which caption of the open image is in the box, where an image has several. */
import { signal } from "@preact/signals";
import type { ImageItem } from "../../../../api/images";
import { slotsOf } from "../../../../state/captions/heads";
import { outbox } from "../../../../state/captions/outbox-sender";

const open = signal<{ image: number; slot: number }>({ image: 0, slot: 0 });

/** The slot in the box: the first one, unless another was opened. */
export const openSlot = (image: number): number => (open.value.image === image ? open.value.slot : 0);

export function showSlot(image: number, slot: number): void {
  open.value = { image, slot };
}

/** The slots to show: those with a text, those on their way, and the open one. */
export function shownSlots(image: number, item: ImageItem | undefined): number[] {
  const found = new Set([...(item ? slotsOf(item) : [0]), openSlot(image)]);
  for (const entry of outbox.value) if (entry.image_id === image) (entry.text === null ? found : found.add(entry.slot));
  return [...found].sort((a, b) => a - b);
}
