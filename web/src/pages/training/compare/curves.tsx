import { useMemo } from "preact/hooks";
import { Chart } from "../../../charts/chart";
import { pointsOver, type Series } from "../../../charts/series";
import { Card } from "../../../design/card";
import { percent, rate } from "../../../text/format";
import type { Run } from "./runs";

const seriesOf = (runs: Run[], name: string, axis: "step" | "epoch"): Series[] =>
  runs.map(({ metrics, colour, dashed, label }) => ({ name: label, colour, dashed, points: pointsOver(metrics[name], axis), dots: axis === "epoch" }));

/** The curves of all runs over each other, one colour a run. */
export function Curves({ runs }: { runs: Run[] }) {
  const loss = useMemo(() => seriesOf(runs, "train/loss", "step"), [runs]);
  const recall = useMemo(() => seriesOf(runs, "val/t2i_r1", "epoch"), [runs]);
  const lr = useMemo(() => seriesOf(runs, "train/lr", "step"), [runs]);
  return (
    <div class="columns three">
      <Card><Chart title="Recall@1, text to image" xName="epoch" series={recall} yRange={[0, 1]} write={(value) => percent(value)} empty="Recall is measured before the first epoch and after each." /></Card>
      <Card><Chart title="Loss" xName="step" series={loss} empty="The loss appears with the first steps." /></Card>
      <Card><Chart title="Learning rate" xName="step" series={lr} write={rate} empty="It appears with the first steps." /></Card>
    </div>
  );
}
