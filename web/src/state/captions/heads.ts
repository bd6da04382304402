/** The newest revision this browser knows of each caption: of images, saves and events. */
import { signal } from "@preact/signals";
import type { ImageItem } from "../../api/images";

/** A revision of a caption as this browser knows it. */
export interface CaptionVersion {
  revision: number;
  text: string | null;
  by: string;
}

const NOTHING: CaptionVersion = { revision: 0, text: null, by: "" };
const heads = signal<ReadonlyMap<string, CaptionVersion>>(new Map());

const keyOf = (image: number, slot: number): string => `${image}.${slot}`;

/** Takes a revision over, unless a newer one is known. */
export function learnHead(image: number, slot: number, head: CaptionVersion): void {
  const key = keyOf(image, slot);
  if ((heads.value.get(key)?.revision ?? -1) >= head.revision) return;
  heads.value = new Map(heads.value).set(key, head);
}

/** What is known of a caption beyond an image's record. */
export const knownHead = (image: number, slot: number): CaptionVersion | undefined => heads.value.get(keyOf(image, slot));

function recorded(item: ImageItem, slot: number): CaptionVersion {
  if (slot === 0) return { revision: item.revision, text: item.caption, by: item.captioned_by ?? "" };
  const extra = item.captions.find((one) => one.slot === slot);
  return extra ? { revision: extra.revision, text: extra.text, by: extra.by } : NOTHING;
}

/** The newest revision of a caption: of the image's record or of what came after. */
export function headOf(item: ImageItem, slot: number): CaptionVersion {
  const own = recorded(item, slot);
  const later = knownHead(item.id, slot);
  return later && later.revision > own.revision ? later : own;
}

/** The slots of an image that are known to hold a text, slot 0 always among them. */
export function slotsOf(item: ImageItem): number[] {
  const found = new Set([0, ...item.captions.map((extra) => extra.slot)]);
  for (const key of heads.value.keys()) if (key.startsWith(`${item.id}.`)) found.add(Number(key.split(".")[1]));
  return [...found].filter((slot) => slot === 0 || headOf(item, slot).text !== null).sort((a, b) => a - b);
}
