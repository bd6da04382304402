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

/** Claims the next image after `after` that has no caption, neither there nor on its way, and was not skipped. Null: none is left. */
export async function claimNextFree(datasetId: string, after?: number): Promise<ImageItem | null> {
  let from = after;
  const seen = new Set<number>();
  for (let turn = 0; turn < TRIES; turn += 1) {
    const item = await claimNext(datasetId, await holder(), from);
    if (!item || item.id === after || seen.has(item.id)) return null;
    const isTaken = typeof knownCaption(item.id) === "string";
    if (!isTaken && !skipped.value.has(item.id)) {
      held.add(item.id);
      rememberImages([item]);
      return item;
    }
    if (!isTaken) void releaseImage(item.id, tab).catch(() => undefined);
    seen.add(item.id);
    from = item.id;
  }
  return null;
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
