/** The places of an image's captions. Pure. */
import { MAX_CAPTIONS } from "../../../../text/captions/caption-rules";

/** The first slot without a text; null when all are taken. */
export function freeSlot(taken: readonly number[]): number | null {
  const free = Array.from({ length: MAX_CAPTIONS }, (_, slot) => slot).find((slot) => !taken.includes(slot));
  return free ?? null;
}

/** The slot `step` places further, going round. */
export function slotBeside(slots: readonly number[], slot: number, step: 1 | -1): number {
  const at = slots.indexOf(slot);
  return slots[(at + step + slots.length) % slots.length] ?? 0;
}
