import { Download, Pencil, Trash2 } from "lucide-preact";
import { useState } from "preact/hooks";
import { listModels, modelDownload } from "../../api/calls";
import type { Model } from "../../api/types";
import { Button } from "../../design/button";
import { Card } from "../../design/card";
import { Chip } from "../../design/chip";
import { Loaded } from "../../design/states";
import { Table } from "../../design/table";
import { When } from "../../design/when";
import { runPath, searchPath } from "../../routes";
import { nameOf } from "../../state/names";
import { PageHead } from "../../shell/shell";
import { activeJobs } from "../../state/jobs";
import { useResource } from "../../state/resource";
import { useTitle } from "../../state/title";
import { millions } from "../../text/format";
import { catalogueOf, tagsOf, tunedOf } from "../../text/models";
import { arrowText } from "../run/recall";
import { DeleteModel, EditModel } from "./model-dialogs";
import "./models.css";

function recallCell(model: Model): string {
  const { recall_before, recall_after } = model.metrics ?? {};
  return arrowText({ before: recall_before ?? undefined, after: recall_after ?? undefined }) || "-";
}

function TunedRow({ model, onChanged }: { model: Model; onChanged: () => void }) {
  const [open, setOpen] = useState<"edit" | "delete" | null>(null);
  const close = () => setOpen(null);
  return (
    <tr>
      <th scope="row">
        <div class="model-name">
          {model.job_id ? <a href={runPath(model.job_id)}>{model.name}</a> : <span>{model.name}</span>}
          {model.note && <small>{model.note}</small>}
        </div>
      </th>
      <td>{model.architecture}</td>
      <td class="num">{recallCell(model)}</td>
      <td>{model.dataset_id ? <a href={searchPath(model.dataset_id, { model: model.id })}>{nameOf(model.dataset_id)}</a> : "-"}</td>
      <td><When at={model.created_at} /></td>
      <td>
        <div class="model-actions">
          <Button kind="quiet" small icon={Download} label={`Download ${model.name}`} href={modelDownload(model.id)} download />
          <Button kind="quiet" small icon={Pencil} label={`Rename ${model.name}`} onClick={() => setOpen("edit")} />
          <Button kind="quiet" small icon={Trash2} label={`Delete ${model.name}`} onClick={() => setOpen("delete")} />
        </div>
        {open === "edit" && <EditModel model={model} onClose={close} onChanged={onChanged} />}
        {open === "delete" && <DeleteModel model={model} onClose={close} onChanged={onChanged} />}
      </td>
    </tr>
  );
}

function Tuned({ models, onChanged }: { models: Model[]; onChanged: () => void }) {
  return (
    <Card title="Tuned here">
      {models.length === 0 ? (
        <p class="muted">No model yet. A training that ends puts its best model here, with its recall before and after.</p>
      ) : (
        <Table name="Tuned models" columns={[{ title: "Model" }, { title: "Architecture" }, { title: "Recall@1" }, { title: "Dataset" }, { title: "Made" }, { title: "Actions", isUnseen: true }]}>
          {models.map((model) => <TunedRow key={model.id} model={model} onChanged={onChanged} />)}
        </Table>
      )}
    </Card>
  );
}

const WEIGHTS: Record<string, string> = {
  cached: "on this machine",
  "not here": "fetched at first use",
  none: "trained from scratch",
  own: "on this machine",
};

function Catalogue({ models }: { models: Model[] }) {
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

/** The registry: models tuned here, and the catalogue. */
export function ModelsPage() {
  useTitle("Models");
  const models = useResource((stop) => listModels(stop), [], activeJobs.value.length);
  return (
    <>
      <PageHead title="Models" text="Choose one in search, or start a training from it.">
        <Button href="/compare">Compare runs</Button>
      </PageHead>
      <Loaded of={models} heights={[160, 220]}>
        {({ items }) => (
          <div class="stack">
            <Tuned models={tunedOf(items)} onChanged={models.reload} />
            <Catalogue models={catalogueOf(items)} />
          </div>
        )}
      </Loaded>
    </>
  );
}
