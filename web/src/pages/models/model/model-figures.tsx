import type { Model, Recall } from "../../../api/models";
import { Card } from "../../../design/card";
import { Table } from "../../../design/table";
import { percent } from "../../../text/format";
import { controlImages, recallAt } from "../../../text/models/recall";
import { lostText, pointsLost } from "../list/model-words";

const ROWS: [string, string][] = [["t2i", "Text to image"], ["i2t", "Image to text"]];
const CUTS = [1, 5, 10];

const shown = (recall: Recall | null | undefined, key: string) => {
  const value = recallAt(recall, key);
  return value === null ? "-" : percent(value);
};

function RecallTable({ before, after }: { before: Recall | null | undefined; after: Recall | null | undefined }) {
  return (
    <Table name="Recall on the validation images" columns={[{ title: "Recall" }, { title: "Untuned", right: true }, { title: "This model", right: true }]}>
      {ROWS.flatMap(([way, name]) =>
        CUTS.filter((cut) => recallAt(after, `${way}_r${cut}`) !== null).map((cut) => (
          <tr key={`${way}${cut}`}>
            <th scope="row">{name}, recall@{cut}</th>
            <td class="num right">{shown(before, `${way}_r${cut}`)}</td>
            <td class="num right"><b>{shown(after, `${way}_r${cut}`)}</b></td>
          </tr>
        )),
      )}
    </Table>
  );
}

function ForgettingLine({ model }: { model: Model }) {
  const forgetting = model.metrics.forgetting;
  if (!model.base && model.source !== "imported") return <p class="muted">It began with random weights: there was nothing to forget.</p>;
  if (!forgetting) return <p class="muted">Forgetting was not measured.</p>;
  const lost = lostText(pointsLost(model));
  return (
    <p>
      Forgetting: <b>{lost || "-"}</b>
      <span class="muted"> of recall@1 on {controlImages(forgetting)} that it did not train on ({shown(forgetting.before, "t2i_r1")} before, {shown(forgetting.after, "t2i_r1")} after).</span>
    </p>
  );
}

/** How good a model is: recall both ways before and after, and what it forgot. */
export function ModelFigures({ model }: { model: Model }) {
  const { recall_before, recall_after, best_epoch } = model.metrics;
  const hasRecall = recall_after !== undefined && recall_after !== null && Object.keys(recall_after).length > 0;
  const kept = best_epoch === 0 ? "The untuned model stayed the best: these are its weights." : `The weights of epoch ${best_epoch} are kept: the best one.`;
  return (
    <Card title="Figures" {...(typeof best_epoch === "number" ? { text: kept } : {})}>
      <div class="stack small">
        {hasRecall ? <RecallTable before={recall_before} after={recall_after} /> : <p class="muted">Recall was not measured: there were no validation images.</p>}
        <ForgettingLine model={model} />
      </div>
    </Card>
  );
}
