import { useMemo, useState } from "preact/hooks";
import { type Blend, blendModel, type Model } from "../../../api/models";
import { Chart } from "../../../charts/chart";
import type { Series } from "../../../charts/series";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Chip } from "../../../design/chip";
import { ErrorState } from "../../../design/states";
import { Table } from "../../../design/table";
import { acceptJob, activeJobs, useJob } from "../../../state/jobs/live-jobs";
import { useAction } from "../../../state/resource";
import { percent } from "../../../text/format";
import { blendFigure } from "../../../text/models/recall";
import { JobWatch } from "../../jobs/controls/job-watch";
import { modelPath } from "../list/addresses";
import { alphaText } from "../list/model-words";

const figure = (value: number | null) => (value === null ? "-" : percent(value));

/** The blend that is being made of a model, then the way to it. */
function Making({ jobId }: { jobId: string }) {
  const job = useJob(jobId);
  const made = job?.state === "succeeded" && typeof job.result?.model_id === "string" ? job.result.model_id : null;
  return <div aria-live="polite">{made ? <p>The blend is in the registry: <a href={modelPath(made)}>show it</a>.</p> : <JobWatch id={jobId} />}</div>;
}

interface RowProps {
  blend: Blend;
  isBest: boolean;
  canMake: boolean;
  busy: boolean;
  onMake: () => void;
}

function BlendRow({ blend, isBest, canMake, busy, onMake }: RowProps) {
  const isEnd = blend.alpha <= 0 || blend.alpha >= 1;
  const name = blend.alpha <= 0 ? "untuned" : blend.alpha >= 1 ? "this model" : alphaText(blend.alpha);
  return (
    <tr>
      <th scope="row"><span class="row tight">{name}{isBest && <Chip accent>best</Chip>}</span></th>
      <td class="num right">{figure(blendFigure(blend, "t2i_r1"))}</td>
      <td class="num right">{figure(blendFigure(blend, "t2i_r5"))}</td>
      <td class="num right">{figure(blendFigure(blend, "i2t_r1"))}</td>
      <td class="num right">{figure(blendFigure(blend, "forgetting"))}</td>
      <td><div class="model-actions">{canMake && !isEnd && <Button small kind={isBest ? "primary" : "secondary"} busy={busy} onClick={onMake}>Make this blend</Button>}</div></td>
    </tr>
  );
}

function curvesOf(blends: Blend[]): Series[] {
  const over = (key: string) => blends.flatMap((one) => (typeof one[key] === "number" ? [[one.alpha, one[key]] as [number, number]] : []));
  const probe = over("forgetting");
  return [
    { name: "recall@1 on your images", colour: "--curve-1", points: over("t2i_r1"), dots: true },
    ...(probe.length > 0 ? [{ name: "recall@1 on other images", colour: "--curve-2", points: probe, dots: true }] : []),
  ];
}

const COLUMNS = [
  { title: "Weights" },
  { title: "Recall@1", right: true },
  { title: "Recall@5", right: true },
  { title: "Image to text", right: true },
  { title: "Other images", right: true },
  { title: "Actions", isUnseen: true },
];

/** The weights between the untuned and the tuned model, measured. canMake: each may become a model of its own. */
export function Blends({ model, blends, canMake }: { model: Model; blends: Blend[]; canMake: boolean }) {
  const sorted = useMemo(() => [...blends].sort((a, b) => a.alpha - b.alpha), [blends]);
  const curves = useMemo(() => curvesOf(sorted), [sorted]);
  const [started, setStarted] = useState<string | null>(null);
  const make = useAction(async (alpha: number) => setStarted(acceptJob((await blendModel(model.id, alpha)).job).id));
  const running = activeJobs.value.find((job) => job.kind === "blend" && job.params.model === model.id);
  const watched = running?.id ?? started;
  const best = model.metrics.best_alpha;
  return (
    <Card title="Between untuned and tuned" text="The mean of both models' weights often finds as much and forgets less. The best one finds the most.">
      <div class="stack">
        <Chart title="Recall@1" xName="tuned" over="by share of the tuned weights" series={curves} xMax={1} write={(value) => percent(value)} writeX={(value) => percent(value)} />
        <Table name="Blends" columns={COLUMNS}>
          {sorted.map((blend) => <BlendRow key={blend.alpha} blend={blend} isBest={blend.alpha === best} canMake={canMake} busy={make.busy} onMake={() => make.run(blend.alpha)} />)}
        </Table>
        {!canMake && <p class="muted">No blend can be made here: what this model began with is not in the registry.</p>}
        {make.error && <ErrorState problem={make.error} onRetry={make.clear} />}
        {watched && <Making jobId={watched} />}
      </div>
    </Card>
  );
}
