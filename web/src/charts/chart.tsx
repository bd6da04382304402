import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { theme } from "../state/theme";
import { count, short } from "../text/format";
import { colourOf } from "./colours";
import { steadyRange, xRange } from "./range";
import { aligned, type Series, thinned, valueAt } from "./series";
import "./chart.css";

const HEIGHT_PX = 200;

interface ChartProps {
  title: string;
  xName: string;
  series: Series[];
  /** How a value is written; `short` when nothing is said. */
  write?: (value: number) => string;
  /** How a value of x is written; whole numbers only when nothing is said. */
  writeX?: (value: number) => string;
  /** What stands above the plot beside its title; the name of x when nothing is said. */
  over?: string;
  /** The whole range of x known beforehand, so that the curve never jumps. */
  xMax?: number | undefined;
  yRange?: [number, number];
  /** What may lie between two lines of y, where not any number reads well: whole numbers, minutes. */
  yIncrements?: number[];
  empty?: string;
}

/** A scale's range that only grows, and to round numbers. */
function steady(): (low: number, high: number) => [number, number] {
  let before: [number, number] | null = null;
  return (low, high) => {
    const now = steadyRange(before, low, high);
    if (Number.isFinite(low)) before = now;
    return now;
  };
}

const wholeOnly = (value: number): string => (Number.isInteger(value) ? count(value) : "");

function axisOf(props: ChartProps, isX: boolean): uPlot.Axis {
  const line = colourOf("--line");
  const write = props.write ?? short;
  return {
    stroke: colourOf("--text-2"),
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
    grid: { stroke: line, width: 1, show: !isX },
    ticks: { stroke: line, width: 1, size: 4 },
    ...(isX
      ? { size: 30, space: 70, values: (_: uPlot, ticks: number[]) => ticks.map(props.writeX ?? wholeOnly) }
      : { size: 60, space: 36, values: (_: uPlot, ticks: number[]) => ticks.map(write), ...(props.yIncrements ? { incrs: props.yIncrements } : {}) }),
  };
}

/** A line of one point would not be seen. */
const isLone = ({ data }: uPlot, at: number): boolean => (data[at] ?? []).filter((value) => value != null).length === 1;

function optionsOf(props: ChartProps, width: number, onCursor: (x: number | null) => void): uPlot.Options {
  const { series, xMax, yRange } = props;
  const [wide, high] = [steady(), steady()];
  return {
    width,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    scales: {
      // The points themselves are asked: of a single one uPlot says a range of its own around it.
      x: { time: false, range: ({ data: [xs] }) => (xMax === undefined ? wide(...xRange(xs)) : xRange(xs, xMax)) },
      y: { range: (_, low, top) => yRange ?? high(low ?? NaN, top ?? NaN) },
    },
    axes: [axisOf(props, true), axisOf(props, false)],
    series: [
      {},
      ...series.map((one) => ({
        stroke: colourOf(one.colour),
        width: 2,
        spanGaps: true,
        ...(one.dashed ? { dash: [6, 5] } : {}),
        points: { show: one.dots ?? isLone, size: one.marks ? 12 : 6, fill: colourOf(one.marks ? one.colour : "--surface") },
      })),
    ],
    hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx == null ? null : (plot.data[0]?.[plot.cursor.idx] ?? null))] },
  };
}

/** Draws into `box`; drawn anew when the lines or the colours change, else only fed. */
function usePlot(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [x, setX] = useState<number | null>(null);
  const data = useMemo(() => aligned(props.series.map((one) => ({ ...one, points: thinned(one.points) }))), [props.series]);
  const latest = useRef({ data, props });
  latest.current = { data, props };
  const shape = props.series.map((one) => `${one.name} ${one.colour} ${one.dashed ?? ""}`).join("|");
  const look = theme.value;
  useEffect(() => {
    const inside = box.current;
    if (!inside) return undefined;
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(latest.current.props, inside.clientWidth || 300, setX), latest.current.data as uPlot.AlignedData, inside);
    };
    make();
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: inside.clientWidth, height: HEIGHT_PX }));
    sizes.observe(inside);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", make);
    return () => {
      sizes.disconnect();
      dark.removeEventListener("change", make);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, look, props.xMax]);
  useEffect(() => plot.current?.setData(data as uPlot.AlignedData), [data]);
  return { box, x, move: (event: KeyboardEvent) => plot.current && moveCursor(plot.current, event) };
}

/** Arrows, Home and End move the readout from point to point; Escape takes it away. */
function moveCursor(plot: uPlot, event: KeyboardEvent): void {
  const xs = plot.data[0] ?? [];
  const last = xs.length - 1;
  const now = plot.cursor.idx ?? last;
  const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last, Escape: -1 }[event.key];
  if (to === undefined || last < 0) return;
  event.preventDefault();
  const x = xs[Math.min(last, Math.max(0, to))] ?? 0;
  plot.setCursor(event.key === "Escape" ? { left: -10, top: -10 } : { left: plot.valToPos(x, "x"), top: 0 });
}

const valueOf = ({ points }: Series, x: number | null) => (x === null ? points.at(-1)?.[1] : valueAt(points, x));

function Readout({ of, x, isSpoken }: { of: ChartProps; x: number | null; isSpoken: boolean }) {
  const write = of.write ?? short;
  return (
    <p class="readout" aria-live={isSpoken ? "polite" : "off"}>
      {x !== null && <span>{of.xName} <b>{(of.writeX ?? count)(x)}</b></span>}
      {of.series.map((one) => {
        const value = valueOf(one, x);
        return (
          <span key={one.name}>
            <i class={one.dashed ? "dashed" : ""} style={{ borderColor: `var(${one.colour})` }} />
            {one.name} <b>{value === null || value === undefined ? "-" : write(value)}</b>
          </span>
        );
      })}
    </p>
  );
}

/** A chart of fixed height: axes with units, a readout under the cursor, else of the last values. */
export function Chart(props: ChartProps) {
  const { box, x, move } = usePlot(props);
  const [isFocused, setFocused] = useState(false);
  const hasPoints = props.series.some((one) => one.points.length > 0);
  return (
    <figure class="chart">
      <figcaption class="chart-head">
        <h3>{props.title}</h3>
        <span class="muted">{props.over ?? `over ${props.xName}s`}</span>
      </figcaption>
      <div
        class="chart-plot"
        ref={box}
        role="group"
        aria-label={`${props.title}. Arrows read it point by point.`}
        tabIndex={hasPoints ? 0 : undefined}
        onKeyDown={move}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
      >
        {!hasPoints && <div class="chart-empty"><span>{props.empty ?? "No values yet."}</span></div>}
      </div>
      <Readout of={props} x={hasPoints ? x : null} isSpoken={isFocused} />
    </figure>
  );
}
