import { useEffect, useMemo, useState } from "preact/hooks";
import { queueHistory } from "../../../api/jobs";
import { Chart } from "../../../charts/chart";
import { DURATIONS_S, WHOLE } from "../../../charts/range";
import { Select } from "../../../design/field";
import { Loaded } from "../../../design/states";
import { useResource } from "../../../state/resource";
import { count, duration, millisOf } from "../../../text/format";
import { clock } from "../../../text/jobs/queue-words";

const HOURS = 24;
const EVERY_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Waiting jobs and waiting time of a queue over the last day, drawn from minute to minute. */
export function QueueHistory({ names }: { names: string[] }) {
  const [name, setName] = useState(names.includes("gpu") ? "gpu" : (names[0] ?? "gpu"));
  const history = useResource((stop) => queueHistory(name, HOURS, stop), [name]);
  const { reload } = history;
  useEffect(() => {
    const timer = window.setInterval(() => document.hidden || reload(), EVERY_MS);
    return () => clearInterval(timer);
  }, [name]);
  return (
    <div class="stack small">
      <Select label="Queue" hideLabel value={name} options={names.map((each) => ({ value: each, label: `Queue ${each}` }))} onChange={setName} />
      <Loaded of={history} heights={[240, 240]}>{(data) => <Charts points={data.points} />}</Loaded>
    </div>
  );
}

function Charts({ points }: { points: Awaited<ReturnType<typeof queueHistory>>["points"] }) {
  const begin_ms = useMemo(() => Date.now() - HOURS * HOUR_MS, [points]);
  const over = (of: (point: (typeof points)[number]) => number) =>
    points.map((point): [number, number] => [Math.max(0, (millisOf(point.at) - begin_ms) / HOUR_MS), of(point)]);
  const at = (hours: number) => clock(new Date(begin_ms + hours * HOUR_MS).toISOString());
  const common = { xName: "time", writeX: at, xMax: HOURS, over: "over the last day", empty: "The clock writes the first point within a minute." };
  return (
    <>
      <Chart
        {...common} title="Jobs" write={count} yIncrements={WHOLE}
        series={[
          { name: "waiting", colour: "--curve-2", points: over((point) => point.waiting) },
          { name: "running", colour: "--curve-1", points: over((point) => point.running) },
        ]}
      />
      <Chart {...common} title="Longest wait" write={duration} yIncrements={DURATIONS_S} series={[{ name: "waited", colour: "--curve-3", points: over((point) => Math.round(point.oldest_s)) }]} />
    </>
  );
}
