import type { Model } from "../../../api/models";
import { Card } from "../../../design/card";
import { Chip } from "../../../design/chip";
import { Table } from "../../../design/table";
import { millions } from "../../../text/format";
import { tagsOf } from "../../../text/models/model-choices";

const WEIGHTS: Record<string, string> = {
  cached: "on this machine",
  "not here": "fetched at first use",
  none: "trained from scratch",
  own: "on this machine",
};

/** The models to start from. */
export function CatalogueTable({ models }: { models: Model[] }) {
  return (
    <Card title="Catalogue" text="Models to start from, with published weights.">
      <Table name="Catalogue" columns={[{ title: "Model" }, { title: "Pretrained" }, { title: "Parameters", right: true }, { title: "Image", right: true }, { title: "Weights" }]}>
        {models.map((model) => (
          <tr key={model.id}>
            <th scope="row">
              <div class="model-name">
                <span class="row">{model.name}{model.recommended && <Chip accent>recommended</Chip>}</span>
                {model.description && <small>{model.description}</small>}
              </div>
            </th>
            <td><span class="row">{tagsOf(model).map((tag) => <Chip key={tag}>{tag}</Chip>)}</span></td>
            <td class="num right">{model.parameters === null ? "-" : millions(model.parameters)}</td>
            <td class="num right">{model.image_size === null ? "-" : `${model.image_size} px`}</td>
            <td>{WEIGHTS[model.weights] ?? model.weights}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
