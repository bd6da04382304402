import { useMemo } from "preact/hooks";
import type { Metrics } from "../../../api/jobs";
import { Chart } from "../../../charts/chart";
import { pointsOver, type Series } from "../../../charts/series";
import { Card } from "../../../design/card";
import { percent, rate, short } from "../../../text/format";
import { overMinutes } from "./run-points";

/** The recall before training as a line across all epochs. */
function untunedLine(points: [number, number][], lastEpoch: number): [number, number][] {
  const first = points.find(([epoch]) => epoch === 0);
  return first ? [[0, first[1]], [Math.max(lastEpoch, 1), first[1]]] : [];
}

function recallSeries(metrics: Metrics, epochs: number): Series[] {
  const r1 = pointsOver(metrics["val/t2i_r1"], "epoch");
  return [
    { name: "recall@1", colour: "--curve-1", points: r1, dots: true },
    { name: "recall@5", colour: "--curve-2", points: pointsOver(metrics["val/t2i_r5"], "epoch"), dots: true },
    { name: "recall@10", colour: "--curve-3", points: pointsOver(metrics["val/t2i_r10"], "epoch"), dots: true },
    { name: "untuned recall@1", colour: "--text-2", points: untunedLine(r1, Math.max(epochs, r1.at(-1)?.[0] ?? 0)), dashed: true },
  ];
}

function lossSeries(metrics: Metrics): Series[] {
  const val = pointsOver(metrics["val/loss"], "step");
  const train: Series = { name: "training loss", colour: "--curve-1", points: pointsOver(metrics["train/loss"], "step") };
  return val.length > 0 ? [train, { name: "validation loss", colour: "--curve-2", points: val, dots: true }] : [train];
}

const single = (name: string, points: [number, number][]): Series[] => [{ name, colour: "--curve-1", points }];

/** What the machine is asked for: the GPU where the run has one, else the CPU. */
function machineSeries(metrics: Metrics): { place: "GPU" | "CPU"; use: Series[]; memory: Series[] } {
  const hasGpu = (metrics["system/gpu_utilisation"] ?? []).length > 0;
  const place = hasGpu ? "GPU" : "CPU";
  return {
    place,
    use: single(`${place} use`, overMinutes(metrics[hasGpu ? "system/gpu_utilisation" : "system/cpu_utilisation"])),
    memory: single(hasGpu ? "GPU memory" : "memory", overMinutes(metrics[hasGpu ? "system/gpu_memory_gb" : "system/memory_gb"])),
  };
}

const percentOf = (value: number) => percent(value);
const ofHundred = (value: number) => `${short(Math.round(value))} %`;
const gigabytes = (value: number) => `${short(Number(value.toFixed(2)))} GB`;
const MINUTES = { xName: "minute", writeX: short, over: "over minutes of work" };

function MachineCharts({ metrics }: { metrics: Metrics }) {
  const { place, use, memory } = useMemo(() => machineSeries(metrics), [metrics]);
  const empty = "Measured once a second while it runs.";
  return (
    <>
      <Card><Chart title={`${place} use`} series={use} yRange={[0, 100]} write={ofHundred} empty={empty} {...MINUTES} /></Card>
      <Card><Chart title={place === "GPU" ? "GPU memory" : "Memory"} series={memory} write={gigabytes} empty={empty} {...MINUTES} /></Card>
    </>
  );
}

interface RunChartsProps {
  metrics: Metrics;
  epochs: number;
  steps: number | undefined;
}

/** Loss, recall, learning rate, speed, and what the machine does. */
export function RunCharts({ metrics, epochs, steps }: RunChartsProps) {
  const loss = useMemo(() => lossSeries(metrics), [metrics]);
  const recall = useMemo(() => recallSeries(metrics, epochs), [metrics, epochs]);
  const lr = useMemo(() => single("learning rate", pointsOver(metrics["train/lr"], "step")), [metrics]);
  const speed = useMemo(() => single("samples per second", pointsOver(metrics["train/samples_per_second"], "step")), [metrics]);
  return (
    <div class="columns run-charts">
      <Card><Chart title="Loss" xName="step" series={loss} xMax={steps} write={short} empty="The loss appears with the first steps." /></Card>
      <Card><Chart title="Recall, text to image" xName="epoch" series={recall} xMax={epochs} yRange={[0, 1]} write={percentOf} empty="Recall is measured before the first epoch and after each." /></Card>
      <Card><Chart title="Learning rate" xName="step" series={lr} xMax={steps} write={rate} /></Card>
      <Card><Chart title="Samples per second" xName="step" series={speed} xMax={steps} write={short} /></Card>
      <MachineCharts metrics={metrics} />
    </div>
  );
}
