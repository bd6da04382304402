import { useMemo } from "preact/hooks";
import type { Metrics } from "../../api/types";
import { Card } from "../../design/card";
import { Chart } from "../../charts/chart";
import { pointsOver, type Series } from "../../charts/series";
import { percent, rate, short } from "../../text/format";

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

interface RunChartsProps {
  metrics: Metrics;
  epochs: number;
  steps: number | undefined;
}

/** Loss, recall, learning rate, speed. */
export function RunCharts({ metrics, epochs, steps }: RunChartsProps) {
  const loss = useMemo(() => lossSeries(metrics), [metrics]);
  const recall = useMemo(() => recallSeries(metrics, epochs), [metrics, epochs]);
  const lr = useMemo<Series[]>(() => [{ name: "learning rate", colour: "--curve-1", points: pointsOver(metrics["train/lr"], "step") }], [metrics]);
  const speed = useMemo<Series[]>(() => [{ name: "samples per second", colour: "--curve-1", points: pointsOver(metrics["train/samples_per_second"], "step") }], [metrics]);
  const percentOf = (value: number) => percent(value);
  return (
    <div class="columns">
      <Card><Chart title="Loss" xName="step" series={loss} xMax={steps} write={short} empty="The loss appears with the first steps." /></Card>
      <Card><Chart title="Recall, text to image" xName="epoch" series={recall} xMax={epochs} yRange={[0, 1]} write={percentOf} empty="Recall is measured before the first epoch and after each." /></Card>
      <Card><Chart title="Learning rate" xName="step" series={lr} xMax={steps} write={rate} /></Card>
      <Card><Chart title="Samples per second" xName="step" series={speed} xMax={steps} write={short} /></Card>
    </div>
  );
}
