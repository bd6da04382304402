/** Pictures loaded and decoded ahead, and how long it takes from Enter to the next one. */
import type { ImageItem } from "../../api/types";

const KEPT = 12;
const KEPT_MEASURES = 500;
const ENTER = "caption-enter";
export const ENTER_TO_SHOWN = "enter-to-shown";

const ready = new Map<number, HTMLImageElement>();

/** Loads and decodes a picture. The last twelve stay decoded. */
export function preload(item: Pick<ImageItem, "id" | "url">): void {
  const known = ready.get(item.id);
  ready.delete(item.id);
  const picture = known ?? new Image();
  ready.set(item.id, picture);
  if (!known) {
    picture.src = item.url;
    void picture.decode().catch(() => ready.delete(item.id));
  }
  const [oldest] = ready.keys();
  if (ready.size > KEPT && oldest !== undefined) ready.delete(oldest);
}

/** The picture is decoded: it can be shown at once. */
export function isReady(id: number): boolean {
  const picture = ready.get(id);
  return picture !== undefined && picture.complete && picture.naturalWidth > 0;
}

/** Enter was pressed: the time to the next picture runs. */
export function markEnter(): void {
  performance.clearMarks(ENTER);
  performance.mark(ENTER);
}

/** Nothing is gone to after all. */
export const forgetEnter = (): void => performance.clearMarks(ENTER);

/** A picture is in the document: measures up to the frame that shows it. */
export function markShown(image: number): void {
  const [mark] = performance.getEntriesByName(ENTER, "mark");
  if (!mark) return;
  performance.clearMarks(ENTER);
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      if (performance.getEntriesByName(ENTER_TO_SHOWN).length >= KEPT_MEASURES) performance.clearMeasures(ENTER_TO_SHOWN);
      performance.measure(ENTER_TO_SHOWN, { start: mark.startTime, end: performance.now(), detail: { image } });
    }),
  );
}
