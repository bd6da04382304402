import { GitCompareArrows } from "lucide-preact";
import { useState } from "preact/hooks";
import { type Job, listJobs } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { StateBadge } from "../../../design/state-badge";
import { EmptyState, Loaded } from "../../../design/states";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { datasetPath, runPath } from "../../../routing/routes";
import { datasetName } from "../../../state/datasets/dataset-names";
import { activeJobs } from "../../../state/jobs/live-jobs";
import { useResource } from "../../../state/resource";
import { jobTitle, jobWord } from "../../../text/jobs/job-words";
import { recallText } from "../../../text/models/recall";
import { groupPath, runsPath } from "./addresses";
import { MOST_RUNS } from "./runs";

interface RowProps {
  job: Job;
  isChosen: boolean;
  isFull: boolean;
  onChoose: (on: boolean) => void;
}

function RunRow({ job, isChosen, isFull, onChoose }: RowProps) {
  return (
    <tr>
      <td>
        <input type="checkbox" class="choose" aria-label={`Compare ${jobTitle(job)}`} checked={isChosen} disabled={isFull && !isChosen} onChange={(event) => onChoose(event.currentTarget.checked)} />
      </td>
      <th scope="row"><a href={runPath(job.id)}>{jobTitle(job)}</a></th>
      <td><StateBadge state={jobWord(job.state)} /></td>
      <td class="num">{recallText(job) || "-"}</td>
      <td>{job.dataset_id ? <a href={datasetPath(job.dataset_id)}>{datasetName(job.dataset_id)}</a> : "-"}</td>
      <td>{job.created_by}</td>
      <td><When at={job.created_at} /></td>
      <td>{job.group_id && <a href={groupPath(job.group_id)}>Whole sweep</a>}</td>
    </tr>
  );
}

const COLUMNS = [{ title: "Compare", isUnseen: true }, { title: "Run" }, { title: "State" }, { title: "Recall@1" }, { title: "Dataset" }, { title: "By" }, { title: "Started" }, { title: "Sweep", isUnseen: true }];

function Choice({ items }: { items: Job[] }) {
  const [chosen, setChosen] = useState<string[]>([]);
  const choose = (id: string, on: boolean) => setChosen((old) => (on ? [...old, id] : old.filter((one) => one !== id)));
  const isFull = chosen.length >= MOST_RUNS;
  const text = isFull ? `Six stand side by side at most.` : "Two to six, of one dataset or of several.";
  const verb = chosen.length < 2 ? "Compare runs" : `Compare ${chosen.length} runs`;
  const start = chosen.length < 2 ? <Button kind="primary" disabled>{verb}</Button> : <Button kind="primary" href={runsPath(chosen)}>{verb}</Button>;
  return (
    <Card title="Choose runs" text={text} beside={start}>
      <Table name="Runs to compare" columns={COLUMNS}>
        {items.map((job) => <RunRow key={job.id} job={job} isChosen={chosen.includes(job.id)} isFull={isFull} onChoose={(on) => choose(job.id, on)} />)}
      </Table>
    </Card>
  );
}

/** Which runs to compare. */
export function Chooser() {
  const jobs = useResource((stop) => listJobs({ kind: "train", limit: 100 }, stop), [], activeJobs.value.length);
  return (
    <Loaded of={jobs} heights={[240]}>
      {({ items }) =>
        items.length < 2 ? (
          <EmptyState icon={GitCompareArrows} title="Two runs are needed" text="Here runs stand side by side: what was set differently, and what came of it.">
            <Button href="/">Go to datasets</Button>
          </EmptyState>
        ) : (
          <Choice items={items} />
        )
      }
    </Loaded>
  );
}
