import { Blend as BlendIcon } from "lucide-preact";
import { useMemo, useState } from "preact/hooks";
import type { Job } from "../../../api/jobs";
import { type Blend, blendModel } from "../../../api/models";
import { Chart } from "../../../charts/chart";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Chip } from "../../../design/chip";
import { ErrorState } from "../../../design/states";
import { Table } from "../../../design/table";
import { searchPath } from "../../../routing/routes";
import { acceptJob, useJob } from "../../../state/jobs/live-jobs";
import { useAction } from "../../../state/resource";
import { percent } from "../../../text/format";
import { JobWatch } from "../../jobs/controls/job-watch";
import { alphaText, bestAlphaOf, blendSeries, blendsOf, measuresOf } from "./blend-figures";
import "./blends.css";

const percentOf = (value: number) => percent(value);
const shown = (value: number | null) => (value === null ? "-" : percent(value, 1));

interface RowProps {
  blend: Blend;
  isBest: boolean;
  isChosen: boolean;
  onChoose: () => void;
}

function BlendRow({ blend, isBest, isChosen, onChoose }: RowProps) {
  const { recall, back, kept } = measuresOf(blend);
  return (
    <tr>
      <th scope="row">
        <label class="blend-choice">
          <input type="radio" name="blend" checked={isChosen} onChange={onChoose} />
          <span class="num">{blend.alpha.toFixed(2)}</span>
          <span class="muted">{alphaText(blend.alpha)}</span>
          {isBest && <Chip accent>best</Chip>}
        </label>
      </th>
      <td class="num right">{shown(recall)}</td>
      <td class="num right">{shown(back)}</td>
      <td class="num right">{shown(kept)}</td>
    </tr>
  );
}

const COLUMNS = [
  { title: "Alpha" },
  { title: "Recall@1, text to image", right: true },
  { title: "Image to text", right: true },
  { title: "Fixed set", right: true },
];

/** The job that makes a blend, then the model that it made. */
function Made({ id, datasetId }: { id: string; datasetId: string | null }) {
  const job = useJob(id);
  const modelId = typeof job?.result?.model_id === "string" ? job.result.model_id : null;
  if (!modelId) return <JobWatch id={id} />;
  return (
    <p role="status">
      The blend is among the <a href="/models">models</a>
      {datasetId ? <>, ready to <a href={searchPath(datasetId, { model: modelId })}>search with</a>.</> : "."}
    </p>
  );
}

/** The weights between untuned and tuned, measured; any of them becomes a model of its own. */
export function Blends({ job, modelId }: { job: Job; modelId: string }) {
  const blends = useMemo(() => blendsOf(job), [job.result]);
  const best = bestAlphaOf(job);
  const [chosen, setChosen] = useState<number | null>(null);
  const [made, setMade] = useState<string | null>(null);
  const alpha = chosen ?? best ?? 0.5;
  const series = useMemo(() => blendSeries(blends, best), [blends, best]);
  const make = useAction(async () => setMade(acceptJob((await blendModel(modelId, alpha)).job).id));
  if (blends.length < 2) return null;
  const isEnd = alpha <= 0 || alpha >= 1;
  return (
    <Card title="Between untuned and tuned" text="Weights in between often find as much here and forget less. The fixed set are images it did not train on.">
      <div class="blends">
        <Chart title="Recall@1 over alpha" xName="alpha" over="alpha 0: untuned, 1: tuned" series={series} xMax={1} write={percentOf} writeX={(value) => value.toFixed(2)} />
        <div class="stack small">
          <Table name="Blends" columns={COLUMNS}>
            {blends.map((blend) => (
              <BlendRow key={blend.alpha} blend={blend} isBest={blend.alpha === best} isChosen={blend.alpha === alpha} onChoose={() => setChosen(blend.alpha)} />
            ))}
          </Table>
          <div class="row">
            <Button icon={BlendIcon} busy={make.busy} disabled={isEnd} onClick={() => make.run()}>Make this blend</Button>
            {isEnd && <span class="muted">{alpha >= 1 ? "The tuned model is there already." : "The untuned model is there already."}</span>}
          </div>
          {make.error && <ErrorState problem={make.error} onRetry={() => make.run()} />}
          {made && <Made id={made} datasetId={job.dataset_id} />}
        </div>
      </div>
    </Card>
  );
}
