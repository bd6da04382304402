import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { theme } from "../state/theme";
import { count, short } from "../text/format";
import { colourOf } from "./colours";
import { aligned, type Series, thinned, valueAt } from "./series";
import "./chart.css";

const HEIGHT_PX = 200;

interface ChartProps {
  title: string;
  xName: string;
  series: Series[];
  /** How a value is written; `short` when nothing is said. */
  write?: (value: number) => string;
  /** The whole range of x known beforehand, so that the curve never jumps. */
  xMax?: number | undefined;
  yRange?: [number, number];
  empty?: string;
}

/** A little room above and below, zero in sight when it is near. */
function roomy(low: number, high: number): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  return [low >= 0 && low < (high - low) * 0.6 ? 0 : low - room, high + room];
}

function axisOf(props: ChartProps, isX: boolean): uPlot.Axis {
  const line = colourOf("--line");
  const write = props.write ?? short;
  return {
    stroke: colourOf("--text-2"),
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
    grid: { stroke: line, width: 1, show: !isX },
    ticks: { stroke: line, width: 1, size: 4 },
    ...(isX
      ? { size: 30, space: 70, values: (_: uPlot, ticks: number[]) => ticks.map((tick) => (Number.isInteger(tick) ? count(tick) : "")) }
      : { size: 52, space: 36, values: (_: uPlot, ticks: number[]) => ticks.map(write) }),
  };
}

function optionsOf(props: ChartProps, width: number, onCursor: (x: number | null) => void): uPlot.Options {
  const { series, xMax, yRange } = props;
  return {
    width,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: (_, low, high) => [Math.min(0, low), Math.max(xMax ?? high, high, 1)] },
      y: { range: (_, low, high) => yRange ?? roomy(low, high) },
    },
    axes: [axisOf(props, true), axisOf(props, false)],
    series: [
      {},
      ...series.map((one) => ({
        stroke: colourOf(one.colour),
        width: 2,
        spanGaps: true,
        ...(one.dashed ? { dash: [6, 5] } : {}),
        points: { show: one.dots ?? false, size: 6 },
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
  return { box, x };
}

function Readout({ series, x, xName, write }: { series: Series[]; x: number | null; xName: string; write: (value: number) => string }) {
  return (
    <p class="readout">
      {x !== null && <span>{xName} <b>{count(x)}</b></span>}
      {series.map((one) => {
        const value = x === null ? one.points.at(-1)?.[1] : valueAt(one.points, x);
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
  const { box, x } = usePlot(props);
  const hasPoints = props.series.some((one) => one.points.length > 0);
  return (
    <figure class="chart">
      <figcaption class="chart-head">
        <h3>{props.title}</h3>
        <span class="muted">over {props.xName}s</span>
      </figcaption>
      <div class="chart-plot" ref={box}>
        {!hasPoints && <div class="chart-empty">{props.empty ?? "No values yet."}</div>}
      </div>
      <Readout series={props.series} x={hasPoints ? x : null} xName={props.xName} write={props.write ?? short} />
    </figure>
  );
}
