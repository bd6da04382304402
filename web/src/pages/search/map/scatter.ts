/** The canvas of the map: what is drawn, and what the mouse, fingers and the wheel do to it. */
import type { DatasetMap } from "../../../api/search";
import { colourOf, rgbaOf } from "../../../charts/colours";
import { openGlass, type Rgba } from "./glass";
import { nearestOf } from "./nearest";
import { anchors, clusterColour, fitted } from "./points";
import { type At, around, between, HOME, panned, type Size, toMap, toScreen, unitPx, type View, zoomedAt } from "./view";

export interface ScatterHandlers {
  onOver: (index: number | null) => void;
  onOpen: (index: number) => void;
  /** Where the labels stand now, in px from the stage's corner: by cluster. */
  onView: (places: Map<number, [number, number]>) => void;
}

export interface Scatter {
  zoomTo: (cluster: number | null) => void;
  place: (index: number) => [number, number] | null;
  destroy: () => void;
}

const REACH_PX = 8; // so near to a dot it is pointed at
const A_CLICK_PX = 4; // who moves less has clicked
const FLIGHT_MS = 150;

/** A CSS colour as red, green, blue, alpha in 0..1. */
function toRgba(colour: string): Rgba {
  document.documentElement.style.setProperty("--probe", colour);
  const rgba = rgbaOf("--probe");
  document.documentElement.style.removeProperty("--probe");
  return rgba;
}

/** Calls back with what a pointer does: over, moved by, pinched at by, clicked, gone. */
function followPointers(
  canvas: HTMLCanvasElement,
  does: { over: (at: At | null) => void; move: (by: At) => void; zoom: (at: At, factor: number) => void; click: (at: At) => void },
): AbortController {
  const down = new Map<number, At>();
  let travelled = 0;
  const at = (event: MouseEvent): At => [event.offsetX, event.offsetY];
  const apart = () => {
    const [one, other] = [...down.values()];
    return one && other ? Math.hypot(one[0] - other[0], one[1] - other[1]) : 0;
  };
  const stop = new AbortController();
  const on = <K extends keyof HTMLElementEventMap>(name: K, act: (event: HTMLElementEventMap[K]) => void) =>
    canvas.addEventListener(name, act, { signal: stop.signal, passive: false });
  on("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at(event));
    travelled = 0;
  });
  on("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) return does.over(at(event));
    const wide = apart();
    const by: At = [(event.offsetX - before[0]) / down.size, (event.offsetY - before[1]) / down.size];
    down.set(event.pointerId, at(event));
    travelled += Math.hypot(...by);
    does.move(by);
    if (wide > 0) does.zoom(at(event), apart() / wide);
  });
  on("pointerup", (event) => {
    if (down.delete(event.pointerId) && down.size === 0 && travelled < A_CLICK_PX) does.click(at(event));
  });
  on("pointercancel", (event) => void down.delete(event.pointerId));
  on("pointerleave", () => does.over(null));
  on("wheel", (event) => {
    event.preventDefault();
    does.zoom(at(event), Math.exp(-event.deltaY / (event.deltaMode === 0 ? 400 : 12)));
  });
  return stop;
}

/** Draws the points, coloured by cluster. null: this browser has no WebGL. */
export function drawScatter(canvas: HTMLCanvasElement, map: DatasetMap, handlers: ScatterHandlers): Scatter | null {
  const points = fitted(map.points);
  const ids = [...new Set(map.points.map(([, , cluster]) => cluster))];
  const colours = new Map(ids.map((id) => [id, toRgba(clusterColour(id))]));
  const active = toRgba(colourOf("--accent"));
  const dots = {
    points,
    colours: map.points.map(([, , cluster]) => colours.get(cluster) ?? active),
    sizePx: points.length > 5000 ? 3 : points.length > 800 ? 5 : 8,
    active,
  };
  let glass = openGlass(canvas, dots);
  if (!glass) return null;
  const labelled = anchors(map.points);
  const nearest = nearestOf(points);
  let view = HOME;
  let over: number | null = null;
  let frame = 0;
  const size = (): Size => ({ width: canvas.clientWidth || 1, height: canvas.clientHeight || 1 });
  const place = (index: number): [number, number] | null => {
    const point = points[index];
    return point ? toScreen(view, size(), point) : null;
  };
  const draw = () => glass?.draw(view, size(), over);
  const show = (next: View) => {
    view = next;
    draw();
    const places = [...labelled].map(([cluster, index]) => [cluster, place(index)] as const);
    handlers.onView(new Map(places.filter((entry): entry is [number, [number, number]] => entry[1] !== null)));
  };
  const fly = (to: View) => {
    const [from, began] = [view, performance.now()];
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const step = (now: number) => {
      const done = isStill ? 1 : Math.min(1, Math.max(0, (now - began) / FLIGHT_MS));
      show(between(from, to, done));
      if (done < 1) frame = requestAnimationFrame(step);
    };
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(step);
  };
  const at = (where: At) => nearest(toMap(view, size(), where), REACH_PX / unitPx(view, size()));
  const point = (index: number | null) => {
    if (index === over) return;
    over = index;
    canvas.style.cursor = index === null ? "" : "pointer";
    draw();
    handlers.onOver(index);
  };
  const pointers = followPointers(canvas, {
    over: (where) => point(where && at(where)),
    move: (by) => show(panned(view, size(), by)),
    zoom: (where, factor) => show(zoomedAt(view, size(), where, factor)),
    click: (where) => {
      const index = at(where);
      if (index !== null) handlers.onOpen(index);
    },
  });
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault(), pointers);
  canvas.addEventListener("webglcontextrestored", () => {
    glass = openGlass(canvas, dots);
    draw();
  }, pointers);
  const sizes = new ResizeObserver(() => show(view));
  sizes.observe(canvas); // tells at once, too
  return {
    zoomTo: (cluster) => {
      if (cluster === null) return fly(HOME);
      fly(around(points.filter((_, index) => map.points[index]?.[2] === cluster)));
    },
    place,
    destroy: () => {
      cancelAnimationFrame(frame);
      sizes.disconnect();
      pointers.abort();
      glass?.destroy();
    },
  };
}
