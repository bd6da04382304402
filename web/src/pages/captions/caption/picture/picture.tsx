import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ImageItem } from "../../../../api/images";
import { Skeleton } from "../../../../design/states";
import { isReady } from "./preload";
import { markShown } from "./time-to-shown";
import { clampPan, factorWords, fitScale, LARGEST_FIT, type Point, type Size, zoomFactors } from "./zoom";

/** A small picture grows, but not without end. */
function sizeOf({ width, height }: ImageItem) {
  return { maxWidth: `${width * LARGEST_FIT}px`, maxHeight: `${height * LARGEST_FIT}px` };
}

/** What the picture can be asked to do by keys. */
export interface Viewer {
  zoom: () => void;
  /** Moves the part that is seen, in CSS pixels; false when all is seen. */
  pan: (by: Point) => boolean;
}

interface PictureProps {
  item: ImageItem | undefined;
  viewer: { current: Viewer | null };
}

interface View {
  level: number;
  pan: Point;
}

const WHOLE: View = { level: 0, pan: { x: 0, y: 0 } };

/** The stage's size, as it is now. */
function sizeOfStage(element: HTMLElement | null): Size {
  return { width: element?.clientWidth || 1, height: element?.clientHeight || 1 };
}

function Shown({ item, viewer }: { item: ImageItem; viewer: PictureProps["viewer"] }) {
  const stage = useRef<HTMLDivElement>(null);
  const [isThere, setThere] = useState(() => isReady(item.id));
  const [view, setView] = useState<View>(WHOLE);
  const [from, setFrom] = useState<Point | null>(null);
  const factors = () => zoomFactors(item, sizeOfStage(stage.current));
  const move = (by: Point) =>
    setView((old) => {
      const pan = { x: old.pan.x + by.x, y: old.pan.y + by.y };
      return { ...old, pan: clampPan(pan, item, sizeOfStage(stage.current), factors()[old.level - 1] ?? 0) };
    });
  viewer.current = {
    zoom: () => setView(({ level }) => (level < factors().length ? { ...WHOLE, level: level + 1 } : WHOLE)),
    pan: (by) => {
      if (view.level > 0) move(by);
      return view.level > 0;
    },
  };
  useLayoutEffect(() => {
    if (isThere) markShown(item.id);
  }, [isThere, item.id]);
  useEffect(() => {
    const resized = new ResizeObserver(() => move({ x: 0, y: 0 }));
    if (stage.current) resized.observe(stage.current);
    return () => {
      resized.disconnect();
      viewer.current = null;
    };
  }, []);
  const factor = factors()[view.level - 1];
  const scale = view.level > 0 && factor ? factor / fitScale(item, sizeOfStage(stage.current)) : 1;
  return (
    <div
      class={view.level > 0 ? "picture zoomed" : "picture"}
      ref={stage}
      onDblClick={() => viewer.current?.zoom()}
      onPointerDown={(event) => {
        if (view.level === 0 || event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setFrom({ x: event.clientX, y: event.clientY });
      }}
      onPointerMove={(event) => {
        if (!from) return;
        move({ x: event.clientX - from.x, y: event.clientY - from.y });
        setFrom({ x: event.clientX, y: event.clientY });
      }}
      onPointerUp={() => setFrom(null)}
      onPointerCancel={() => setFrom(null)}
    >
      <div class="sheet" style={{ transform: `translate(${view.pan.x}px, ${view.pan.y}px) scale(${scale})` }}>
        <img class={isThere ? "blurred gone" : "blurred"} src={item.thumb_url} alt="" style={sizeOf(item)} draggable={false} />
        <img
          class={isThere ? "sharp there" : "sharp"}
          src={item.url}
          alt={item.filename}
          decoding={isThere ? "sync" : "async"}
          style={sizeOf(item)}
          draggable={false}
          onLoad={() => setThere(true)}
        />
      </div>
      {view.level > 0 && factor && <span class="zoom-words" role="status">{factorWords(factor)}</span>}
    </div>
  );
}

/** The image in its own proportions; its thumbnail, blurred, until it is there. */
export function Picture({ item, viewer }: PictureProps) {
  if (!item) return <div class="picture"><Skeleton heights={[320]} /></div>;
  return <Shown item={item} viewer={viewer} key={item.id} />;
}
