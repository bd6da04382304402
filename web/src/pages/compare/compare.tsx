import { GitCompareArrows } from "lucide-preact";
import { useMemo, useState } from "preact/hooks";
import { getJob, getMetrics, listJobs } from "../../api/calls";
import type { Job, Metrics } from "../../api/types";
import { Chart } from "../../charts/chart";
import { pointsOver, type Series } from "../../charts/series";
import { Button } from "../../design/button";
import { Card } from "../../design/card";
import { Check } from "../../design/field";
import { EmptyState, Loaded } from "../../design/states";
import { StateBadge } from "../../design/state-badge";
import { Table } from "../../design/table";
import { go, params } from "../../router";
import { runPath } from "../../routes";
import { PageHead } from "../../shell/shell";
import { useResource } from "../../state/resource";
import { useTitle } from "../../state/title";
import { percent } from "../../text/format";
import { jobTitle, jobWord } from "../../text/words";
import { recallText } from "../run/recall";
import { paramRows } from "./params-table";
import "./compare.css";

interface Run {
  job: Job;
  metrics: Metrics;
  colour: string;
}

const COLOURS = ["--curve-1", "--curve-2", "--curve-3", "--curve-4"];

async function loadRuns(ids: string[], stop: AbortSignal): Promise<Run[]> {
  return Promise.all(
    ids.map(async (id, index) => {
      const [job, metrics] = await Promise.all([getJob(id, stop), getMetrics(id, stop)]);
      return { job, metrics, colour: COLOURS[index % COLOURS.length] ?? "--curve-1" };
    }),
  );
}

function Name({ run }: { run: Run }) {
  return (
    <span class="compare-name">
      <i style={{ background: `var(${run.colour})` }} aria-hidden="true" />
      <a href={runPath(run.job.id)}>{jobTitle(run.job)}</a>
    </span>
  );
}

function ParamsTable({ runs }: { runs: Run[] }) {
  const names = runs.map((run, index) => ({ title: `${index + 1}. ${jobTitle(run.job)}` }));
  return (
    <Table name="Runs side by side" columns={[{ title: "Setting" }, ...names]}>
      <tr><th scope="row">Run</th>{runs.map((run) => <td key={run.job.id}><Name run={run} /></td>)}</tr>
      <tr><th scope="row">State</th>{runs.map((run) => <td key={run.job.id}><StateBadge state={jobWord(run.job.state)} /></td>)}</tr>
      <tr><th scope="row">Recall@1</th>{runs.map((run) => <td key={run.job.id} class="num">{recallText(run.job) || "-"}</td>)}</tr>
      {paramRows(runs.map((run) => run.job)).map((row) => (
        <tr key={row.name}>
          <th scope="row">{row.name}</th>
          {row.values.map((value, index) => (
            <td key={index} class={row.differs ? "differs num" : "num"}>{value}</td>
          ))}
        </tr>
      ))}
    </Table>
  );
}

const seriesOf = (runs: Run[], name: string, axis: "step" | "epoch"): Series[] =>
  runs.map(({ job, metrics, colour }, index) => ({
    name: `${index + 1}. ${jobTitle(job)}`,
    colour,
    points: pointsOver(metrics[name], axis),
    dots: axis === "epoch",
  }));

function Overlaid({ runs }: { runs: Run[] }) {
  const loss = useMemo(() => seriesOf(runs, "train/loss", "step"), [runs]);
  const recall = useMemo(() => seriesOf(runs, "val/t2i_r1", "epoch"), [runs]);
  return (
    <div class="columns">
      <Card><Chart title="Loss" xName="step" series={loss} /></Card>
      <Card><Chart title="Recall@1, text to image" xName="epoch" series={recall} yRange={[0, 1]} write={(value) => percent(value)} /></Card>
    </div>
  );
}

function Chooser() {
  const [chosen, setChosen] = useState<string[]>([]);
  const jobs = useResource((stop) => listJobs({ kind: "train", limit: 50 }, stop), []);
  const toggle = (id: string, on: boolean) => setChosen((old) => (on ? [...old, id] : old.filter((one) => one !== id)));
  return (
    <Loaded of={jobs}>
      {({ items }) =>
        items.length < 2 ? (
          <EmptyState icon={GitCompareArrows} title="Two runs are needed" text="Here runs stand side by side: what was set differently, and what came of it.">
            <Button href="/">Go to datasets</Button>
          </EmptyState>
        ) : (
          <Card title="Choose runs">
            <div class="stack small">
              {items.map((job) => <Check key={job.id} label={`${jobTitle(job)}, ${jobWord(job.state).word}, ${job.dataset_id ?? ""}`} checked={chosen.includes(job.id)} onChange={(on) => toggle(job.id, on)} />)}
              <div class="row">
                <Button kind="primary" disabled={chosen.length < 2} onClick={() => go(`/compare?runs=${chosen.map(encodeURIComponent).join(",")}`)}>Compare runs</Button>
              </div>
            </div>
          </Card>
        )
      }
    </Loaded>
  );
}

function SideBySide({ ids }: { ids: string[] }) {
  const runs = useResource((stop) => loadRuns(ids, stop), [ids]);
  return (
    <Loaded of={runs} heights={[260, 240]}>
      {(found) => (
        <div class="stack">
          <Overlaid runs={found} />
          <ParamsTable runs={found} />
        </div>
      )}
    </Loaded>
  );
}

/** Runs side by side: `?runs=` job ids with commas between. */
export function ComparePage() {
  useTitle("Compare runs");
  const ids = (params.value.get("runs") ?? "").split(",").filter(Boolean);
  return (
    <>
      <PageHead title="Compare runs" text="What was set differently is marked.">
        {ids.length > 0 && <Button href="/compare">Choose others</Button>}
      </PageHead>
      {ids.length > 0 ? <SideBySide ids={ids} /> : <Chooser />}
    </>
  );
}
