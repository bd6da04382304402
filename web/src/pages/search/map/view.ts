/** Which part of the map is seen, and what lies where on the screen. Pure. Points lie in -1..1, y upwards. */

export type At = readonly [number, number];

/** The point in the middle, and by how much the map is enlarged. */
export interface View {
  x: number;
  y: number;
  zoom: number;
}

export interface Size {
  width: number;
  height: number;
}

export const HOME: View = { x: 0, y: 0, zoom: 1 };
const MIN_ZOOM = 0.5;
const MAX_ZOOM = 2000;
const ROOM = 1.3; // what is zoomed to has this much room

/** Pixels that one unit of the map takes. */
export function unitPx(view: View, size: Size): number {
  return (Math.min(size.width, size.height) / 2) * view.zoom;
}

/** Where a point stands, in px from the upper left corner. */
export function toScreen(view: View, size: Size, [x, y]: At): [number, number] {
  const unit = unitPx(view, size);
  return [size.width / 2 + (x - view.x) * unit, size.height / 2 - (y - view.y) * unit];
}

/** What lies at a place of the screen. */
export function toMap(view: View, size: Size, [left, top]: At): [number, number] {
  const unit = unitPx(view, size);
  return [view.x + (left - size.width / 2) / unit, view.y - (top - size.height / 2) / unit];
}

/** The map moved by so many px. */
export function panned(view: View, size: Size, [right, down]: At): View {
  const unit = unitPx(view, size);
  return { ...view, x: view.x - right / unit, y: view.y + down / unit };
}

/** Enlarged by a factor; what lies at this place stays there. */
export function zoomedAt(view: View, size: Size, at: At, factor: number): View {
  const zoom = Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, view.zoom * factor));
  const [x, y] = toMap(view, size, at);
  const kept = view.zoom / zoom;
  return { x: x + (view.x - x) * kept, y: y + (view.y - y) * kept, zoom };
}

/** The view that shows all of these points. */
export function around(points: readonly At[]): View {
  const [first] = points;
  if (!first) return HOME;
  const box = points.reduce(
    (seen, [x, y]) => ({ left: Math.min(seen.left, x), right: Math.max(seen.right, x), low: Math.min(seen.low, y), high: Math.max(seen.high, y) }),
    { left: first[0], right: first[0], low: first[1], high: first[1] },
  );
  const half = Math.max(box.right - box.left, box.high - box.low) / 2;
  const zoom = Math.min(MAX_ZOOM, 1 / Math.max(half * ROOM, 0.01));
  return { x: (box.left + box.right) / 2, y: (box.low + box.high) / 2, zoom };
}

/** On the way from one view to another, done: 0..1. */
export function between(from: View, to: View, done: number): View {
  const part = done * done * (3 - 2 * done);
  const zoom = from.zoom * (to.zoom / from.zoom) ** part;
  // The middle moves as the zoom does, or a far point would race past while it is near.
  const moved = Math.abs(to.zoom - from.zoom) < 1e-9 ? part : (1 / from.zoom - 1 / zoom) / (1 / from.zoom - 1 / to.zoom);
  return { x: from.x + (to.x - from.x) * moved, y: from.y + (to.y - from.y) * moved, zoom };
}
