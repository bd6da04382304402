/** Pictures loaded and decoded ahead. */
import type { ImageItem } from "../../../../api/images";

const KEPT = 12;

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
