/** The canvas of the map. */
import createScatterplot from "regl-scatterplot";
import type { DatasetMap } from "../../../api/search";
import { colourOf, rgbaOf } from "../../../charts/colours";
import { anchors, clusterColour, fitted } from "./points";

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

/** A CSS colour as red, green, blue, alpha in 0..1. */
function toRgba(colour: string): [number, number, number, number] {
  document.documentElement.style.setProperty("--probe", colour);
  const rgba = rgbaOf("--probe");
  document.documentElement.style.removeProperty("--probe");
  return rgba;
}

/** Draws the points, coloured by cluster. */
export function drawScatter(canvas: HTMLCanvasElement, map: DatasetMap, handlers: ScatterHandlers): Scatter {
  const { width, height } = canvas.getBoundingClientRect();
  const ids = [...new Set(map.points.map(([, , cluster]) => cluster))].sort((a, b) => a - b);
  const plot = createScatterplot({
    canvas,
    width,
    height,
    pointSize: map.points.length > 5000 ? 3 : map.points.length > 800 ? 5 : 8,
    opacity: 0.85,
    backgroundColor: rgbaOf("--surface"),
    colorBy: "valueA",
    pointColor: ids.map((id) => toRgba(clusterColour(id))),
    pointColorActive: toRgba(colourOf("--accent")),
    pointColorHover: toRgba(colourOf("--accent")),
  });
  const rank = new Map(ids.map((id, index) => [id, index]));
  const labelled = anchors(map.points);
  const place = (index: number): [number, number] | null => {
    const at = plot.getScreenPosition(index);
    return at ? [at[0], at[1]] : null;
  };
  const tellView = () => {
    const places = [...labelled].map(([cluster, index]) => [cluster, place(index)] as const);
    handlers.onView(new Map(places.filter((entry): entry is [number, [number, number]] => entry[1] !== null)));
  };
  void plot.draw(fitted(map.points).map(([x, y], index) => [x, y, rank.get(map.points[index]?.[2] ?? 0) ?? 0])).then(tellView);
  plot.subscribe("view", tellView);
  plot.subscribe("pointOver", (index: number) => handlers.onOver(index));
  plot.subscribe("pointOut", () => handlers.onOver(null));
  plot.subscribe("select", ({ points }: { points: number[] }) => points.length === 1 && points[0] !== undefined && handlers.onOpen(points[0]));
  const sizes = new ResizeObserver(() => {
    const box = canvas.parentElement?.getBoundingClientRect();
    if (box) plot.set({ width: box.width, height: box.height });
    tellView();
  });
  if (canvas.parentElement) sizes.observe(canvas.parentElement);
  return {
    zoomTo: (cluster) => {
      if (cluster === null) return void plot.zoomToOrigin({ transition: true });
      const inside = map.points.flatMap(([, , one], index) => (one === cluster ? [index] : []));
      void plot.zoomToPoints(inside, { padding: 0.3, transition: true });
    },
    place,
    destroy: () => {
      sizes.disconnect();
      plot.destroy();
    },
  };
}
