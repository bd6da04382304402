import { useState } from "preact/hooks";
import { type Job, listJobs } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { StateBadge } from "../../../design/state-badge";
import { Loaded } from "../../../design/states";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { runPath } from "../../../routing/routes";
import { datasetVersion } from "../../../state/datasets/live-datasets";
import { activeJobs, jobById } from "../../../state/jobs/live-jobs";
import { useResource } from "../../../state/resource";
import { rate } from "../../../text/format";
import { jobWord, progressText } from "../../../text/jobs/job-words";
import { expectedText } from "../../../text/jobs/queue-words";
import { recallText } from "../../../text/models/recall";

/** The rate that a run was given; the runs of a sweep have it in their names. */
const rateText = (job: Job): string => (typeof job.params.lr === "number" && !job.group_id ? `learning rate ${rate(job.params.lr)}` : "");

function RunRow({ job, isChosen, onChoose }: { job: Job; isChosen: boolean; onChoose: (on: boolean) => void }) {
  const live = jobById(job.id) ?? job;
  const name = typeof live.params.name === "string" && live.params.name ? live.params.name : String(live.params.model ?? live.id);
  return (
    <tr>
      <td>
        <input type="checkbox" aria-label={`Compare ${name}`} checked={isChosen} onChange={(event) => onChoose(event.currentTarget.checked)} />
      </td>
      <th scope="row">
        <div class="run-name">
          <a href={runPath(job.id)}>{name}</a>
          {rateText(live) && <small class="num">{rateText(live)}</small>}
        </div>
      </th>
      <td><StateBadge state={jobWord(live.state)} /></td>
      <td class="num">{(live.state === "queued" ? expectedText(live) : "") || progressText(live) || "-"}</td>
      <td class="num">{recallText(live) || "-"}</td>
      <td><When at={job.created_at} /></td>
    </tr>
  );
}

/** The trainings of this dataset, newest first; some of them side by side. */
export function Runs({ datasetId }: { datasetId: string }) {
  const [chosen, setChosen] = useState<string[]>([]);
  const runs = useResource((stop) => listJobs({ dataset_id: datasetId, kind: "train", limit: 50 }, stop), [datasetId], `${datasetVersion(datasetId)} ${activeJobs.value.length}`);
  const choose = (id: string, on: boolean) => setChosen((old) => (on ? [...old, id] : old.filter((one) => one !== id)));
  const isReady = chosen.length >= 2;
  return (
    <Card
      title="Runs"
      beside={isReady && <Button small href={`/compare?runs=${chosen.map(encodeURIComponent).join(",")}`}>Compare {chosen.length} runs</Button>}
    >
      <Loaded of={runs} datasetId={datasetId}>
        {({ items }) =>
          items.length === 0 ? (
            <p class="muted">No run yet. Each training appears here, with its recall before and after.</p>
          ) : (
            <Table
              name="Runs"
              columns={[{ title: "Compare", isUnseen: true }, { title: "Run" }, { title: "State" }, { title: "Progress" }, { title: "Recall@1" }, { title: "Started" }]}
            >
              {items.map((job) => <RunRow key={job.id} job={job} isChosen={chosen.includes(job.id)} onChoose={(on) => choose(job.id, on)} />)}
            </Table>
          )
        }
      </Loaded>
    </Card>
  );
}
