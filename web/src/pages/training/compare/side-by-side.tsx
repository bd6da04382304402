import { Award } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { Card } from "../../../design/card";
import { Chip } from "../../../design/chip";
import { StateBadge } from "../../../design/state-badge";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { datasetPath } from "../../../routing/routes";
import { datasetName } from "../../../state/datasets/dataset-names";
import { jobWord, progressText } from "../../../text/jobs/job-words";
import { modelPath } from "../../models/list/addresses";
import { settingWord } from "../../models/model/lineage";
import { type FigureRow, figureRows } from "./figures";
import { type ParamRow, paramRows } from "./params-table";
import { RunName } from "./run-name";
import type { Run } from "./runs";
import "./side-by-side.css";

function Row({ name, runs, title, cell }: { name: ComponentChildren; runs: Run[]; title?: string; cell: (run: Run, index: number) => ComponentChildren }) {
  return (
    <tr>
      <th scope="row" title={title}>{name}</th>
      {runs.map((run, index) => <td key={run.job.id} class="num">{cell(run, index)}</td>)}
    </tr>
  );
}

function Group({ title, columns }: { title: string; columns: number }) {
  return <tr class="group"><th scope="colgroup" colSpan={columns}>{title}</th></tr>;
}

function Figure({ row, runs }: { row: FigureRow; runs: Run[] }) {
  return (
    <Row
      name={row.name}
      title={row.why}
      runs={runs}
      cell={(_, index) => row.best.includes(index) ? <b class="best-figure">{row.texts[index]}<Award size={14} aria-label="best" /></b> : row.texts[index]}
    />
  );
}

function Setting({ row, runs }: { row: ParamRow; runs: Run[] }) {
  return (
    <tr class={row.differs ? "differs" : undefined}>
      <th scope="row"><span class="row">{settingWord(row.name)}{row.differs && <Chip accent>differs</Chip>}</span></th>
      {row.values.map((value, index) => <td key={runs[index]?.job.id} class="num">{value}</td>)}
    </tr>
  );
}

/** Who, what, how good and with which settings: one column a run. */
export function SideBySide({ runs }: { runs: Run[] }) {
  const jobs = runs.map((run) => run.job);
  const figures = figureRows(jobs);
  const columns = [{ title: "Run" }, ...runs.map((run) => ({ title: run.label, head: <RunName run={run} /> }))];
  return (
    <Card title="Side by side">
      <div class="side-by-side">
        <Table name="Runs side by side" columns={columns}>
          <Row name="State" runs={runs} cell={({ job }) => <span class="row tight"><StateBadge state={jobWord(job.state)} /><small class="muted">{progressText(job)}</small></span>} />
          <Row name="Dataset" runs={runs} cell={({ job }) => job.dataset_id ? <a href={datasetPath(job.dataset_id)}>{datasetName(job.dataset_id)}</a> : "-"} />
          <Row name="Started by" runs={runs} cell={({ job }) => <>{job.created_by}, <When at={job.created_at} /></>} />
          <Row name="Model made" runs={runs} cell={({ modelId }) => modelId ? <a href={modelPath(modelId)}>Show model</a> : "-"} />
          {figures.length > 0 && <Group title="What came of it" columns={columns.length} />}
          {figures.map((row) => <Figure key={row.name} row={row} runs={runs} />)}
          <Group title="Settings" columns={columns.length} />
          {paramRows(jobs).map((row) => <Setting key={row.name} row={row} runs={runs} />)}
        </Table>
      </div>
    </Card>
  );
}
