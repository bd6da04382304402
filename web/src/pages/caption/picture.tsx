import { useState } from "preact/hooks";
import type { ImageItem } from "../../api/types";
import { Skeleton } from "../../design/states";

const LARGEST_ZOOM = 6;

/** A small picture grows, but not without end. */
function sizeOf({ width, height }: ImageItem) {
  return { maxWidth: `${width * LARGEST_ZOOM}px`, maxHeight: `${height * LARGEST_ZOOM}px` };
}

/** The image in its own proportions; its thumbnail, blurred, until it is there. */
export function Picture({ item }: { item: ImageItem | undefined }) {
  const [isThere, setThere] = useState(false);
  if (!item) return <div class="picture"><Skeleton heights={[320]} /></div>;
  return (
    <div class="picture">
      <img class={isThere ? "blurred gone" : "blurred"} src={item.thumb_url} alt="" style={sizeOf(item)} />
      <img class={isThere ? "sharp there" : "sharp"} src={item.url} alt={item.filename} decoding="async" style={sizeOf(item)} onLoad={() => setThere(true)} />
    </div>
  );
}
