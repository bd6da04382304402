/** Claims of this tab: which images are mine to caption for a while. */
import { signal } from "@preact/signals";
import { claimImage, claimNext, releaseImage } from "../../../../api/captions";
import { asApiError } from "../../../../api/http";
import type { ImageItem } from "../../../../api/images";
import { headOf } from "../../../../state/captions/heads";
import { knownCaption } from "../../../../state/captions/outbox-sender";
import { imageOf, rememberImages } from "../../../../state/images/live-images";
import { thisTab } from "../../../../state/this-tab";

const TRIES = 60;
const held = new Set<number>();
let tab = "";

/** Images that were left to others since the page was loaded: they are not served again. */
export const skipped = signal<ReadonlySet<number>>(new Set());

export function skip(id: number): void {
  skipped.value = new Set(skipped.value).add(id);
}

export const unskip = (): void => void (skipped.value = new Set());

async function holder(): Promise<string> {
  tab ||= (await thisTab()).id;
  return tab;
}

export const isHeld = (id: number): boolean => held.has(id);

/** Gives a claim back. */
export function release(id: number): void {
  if (held.delete(id)) void releaseImage(id, tab).catch(() => undefined);
}

/** Gives all claims back: the page is being closed. */
export const releaseAll = (): void => [...held].forEach(release);

/** The claim ended by itself: its caption is there. */
export const forgetClaim = (id: number): void => void held.delete(id);

/** An image that is known to have no caption, neither saved nor on its way. */
export function isUncaptioned(id: number): boolean {
  const item = imageOf(id);
  const known = knownCaption(id);
  if (known !== undefined) return known === null;
  return item !== undefined && headOf(item, 0).text === null;
}

/** Its caption is there, or on its way. */
const isTaken = (item: ImageItem) => typeof knownCaption(item.id) === "string";

/** Claims the next images after `after` that have no caption, neither there nor on its way, and were not skipped. Empty: none is left. */
export async function claimNextFree(datasetId: string, after: number | undefined, count: number): Promise<ImageItem[]> {
  let from = after;
  const seen = new Set(after === undefined ? [] : [after]);
  for (let turn = 0; turn < TRIES; turn += 1) {
    const items = (await claimNext(datasetId, await holder(), from, count)).filter((item) => !seen.has(item.id));
    const free = items.filter((item) => !isTaken(item) && !skipped.value.has(item.id));
    items.filter((item) => !isTaken(item) && !free.includes(item)).forEach((item) => void releaseImage(item.id, tab).catch(() => undefined));
    if (free.length > 0) {
      free.forEach((item) => held.add(item.id));
      rememberImages(free);
      return free;
    }
    const last = items.at(-1);
    if (!last) return [];
    items.forEach((item) => seen.add(item.id));
    from = last.id;
  }
  return [];
}

/** Claims an image, or renews the claim; who has it when somebody else does. */
export async function claim(id: number): Promise<string | null> {
  try {
    const item = await claimImage(id, await holder());
    held.add(id);
    rememberImages([item]);
    return null;
  } catch (thrown) {
    const error = asApiError(thrown);
    if (error.status !== 409) return null;
    held.delete(id);
    return (error.details as { claimed_by?: string } | undefined)?.claimed_by ?? "Somebody else";
  }
}
