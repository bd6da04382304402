import { GitCompareArrows } from "lucide-preact";
import { type Job, listJobs } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { StateBadge } from "../../../design/state-badge";
import { Table } from "../../../design/table";
import { runPath } from "../../../routing/routes";
import { activeJobs, jobById } from "../../../state/jobs/live-jobs";
import { useResource } from "../../../state/resource";
import { rate } from "../../../text/format";
import { jobWord, progressText } from "../../../text/jobs/job-words";
import { recallText } from "../../../text/models/recall";

const rateOf = (job: Job): string => (typeof job.params.lr === "number" ? rate(job.params.lr) : String(job.params.lr ?? "-"));

/** The other runs that were started together with this one, and the way to see them side by side. */
export function Siblings({ job }: { job: Job }) {
  const { group_id: group, dataset_id: dataset } = job;
  const runs = useResource(
    (stop) => listJobs({ kind: "train", dataset_id: dataset ?? undefined, limit: 200 }, stop),
    [group ?? null, dataset],
    activeJobs.value.length,
  );
  const together = (runs.data?.items ?? []).filter((one) => one.group_id === group).map((one) => jobById(one.id) ?? one);
  if (!group || together.length < 2) return null;
  const sorted = together.sort((a, b) => Number(a.params.lr) - Number(b.params.lr));
  return (
    <Card
      title="Started together"
      text="These runs differ in their learning rate only."
      beside={<Button small icon={GitCompareArrows} href={`/compare?runs=${sorted.map((one) => one.id).join(",")}`}>Compare {sorted.length} runs</Button>}
    >
      <Table name="Runs started together" columns={[{ title: "Learning rate" }, { title: "State" }, { title: "Progress" }, { title: "Recall@1" }]}>
        {sorted.map((one) => (
          <tr key={one.id} aria-current={one.id === job.id ? "true" : undefined}>
            <th scope="row" class="num">{one.id === job.id ? <>{rateOf(one)} <span class="muted">(this run)</span></> : <a href={runPath(one.id)}>{rateOf(one)}</a>}</th>
            <td><StateBadge state={jobWord(one.state)} /></td>
            <td class="num">{progressText(one) || "-"}</td>
            <td class="num">{recallText(one) || "-"}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
