import { Boxes, SearchX } from "lucide-preact";
import type { Model } from "../../../api/models";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Chip } from "../../../design/chip";
import { Select, TextField } from "../../../design/field";
import { EmptyState } from "../../../design/states";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { go } from "../../../routing/router";
import { datasetPath } from "../../../routing/routes";
import { datasetName } from "../../../state/datasets/dataset-names";
import { countOf } from "../../../text/format";
import { ModelActions } from "../model/model-actions";
import { modelPath, modelsPath } from "./addresses";
import { baseName, fitting, lostText, type ModelFilter, pointsLost, recallArrow, sourceWord, tagsIn } from "./model-words";

/** A model's tags, each a link to the models that have it. */
export function Tags({ of }: { of: string[] }) {
  return <>{of.map((tag) => <a key={tag} class="chip tag" href={modelsPath({ tag })} aria-label={`Models tagged ${tag}`}>{tag}</a>)}</>;
}

/** The datasets that are searched with it by default. */
export function Defaults({ of }: { of: string[] }) {
  return <>{of.map((id) => <Chip key={id} accent>default of {datasetName(id)}</Chip>)}</>;
}

interface TunedProps {
  models: Model[];
  filter: ModelFilter;
  onChanged: () => void;
  onImport: () => void;
}

function TunedRow({ model, all, onChanged }: { model: Model; all: Model[]; onChanged: () => void }) {
  const hasChips = model.tags.length + model.is_default_for.length > 0;
  return (
    <tr>
      <th scope="row">
        <div class="model-name">
          <a href={modelPath(model.id)}>{model.name}</a>
          {model.note && <small>{model.note}</small>}
          {hasChips && <span class="row"><Defaults of={model.is_default_for} /><Tags of={model.tags} /></span>}
        </div>
      </th>
      <td class="num">{recallArrow(model) || "-"}</td>
      <td class="num">{lostText(pointsLost(model)) || "-"}</td>
      <td><div class="model-source">{sourceWord(model)}<small>from {baseName(model, all)}</small></div></td>
      <td>{model.dataset_id ? <a href={datasetPath(model.dataset_id)}>{datasetName(model.dataset_id)}</a> : "-"}</td>
      <td><div class="model-source"><When at={model.created_at} />{model.created_by && <small>by {model.created_by}</small>}</div></td>
      <td><ModelActions small model={model} known={tagsIn(all)} onChanged={onChanged} onDeleted={onChanged} /></td>
    </tr>
  );
}

function Filter({ models, filter }: { models: Model[]; filter: ModelFilter }) {
  const to = (change: Partial<ModelFilter>) => go(modelsPath({ ...filter, ...change }), { replace: true });
  const tags = [...new Set([...tagsIn(models), ...(filter.tag ? [filter.tag] : [])])].map((tag) => ({ value: tag, label: tag }));
  return (
    <div class="model-filter">
      <TextField label="Search models" hideLabel type="search" placeholder="Search by name, note, base or dataset" value={filter.q} onInput={(q) => to({ q })} />
      <Select label="Tag" hideLabel value={filter.tag} options={[{ value: "", label: "all tags" }, ...tags]} onChange={(tag) => to({ tag })} />
    </div>
  );
}

const COLUMNS = [{ title: "Model" }, { title: "Recall@1" }, { title: "Forgetting" }, { title: "Source" }, { title: "Dataset" }, { title: "Made" }, { title: "Actions", isUnseen: true }];

function Fitting({ models, filter, onChanged }: Omit<TunedProps, "onImport">) {
  const shown = fitting(models, filter);
  const isFiltered = filter.q !== "" || filter.tag !== "";
  if (shown.length === 0) {
    return <EmptyState icon={SearchX} title="No model fits" text="None of the models has these words and this tag."><Button href="/models">Show all models</Button></EmptyState>;
  }
  return (
    <div class="stack small">
      <Table name="Tuned models" columns={COLUMNS}>
        {shown.map((model) => <TunedRow key={model.id} model={model} all={models} onChanged={onChanged} />)}
      </Table>
      <p class="unseen" role="status">{isFiltered ? `${countOf(shown.length, "model")} of ${models.length}` : ""}</p>
    </div>
  );
}

/** Models that were trained, blended or imported here. */
export function TunedTable({ models, filter, onChanged, onImport }: TunedProps) {
  return (
    <Card title="Tuned here" text="Recall@1 finds images by text: before and after training. Forgetting: what it lost on images it did not train on.">
      {models.length === 0 ? (
        <EmptyState icon={Boxes} title="No model yet" text="A training that ends puts its best model here, with its recall before and after. A model folder from elsewhere can be imported.">
          <Button kind="primary" href="/">Go to datasets</Button>
          <Button onClick={onImport}>Import model</Button>
        </EmptyState>
      ) : (
        <div class="stack">
          <Filter models={models} filter={filter} />
          <Fitting models={models} filter={filter} onChanged={onChanged} />
        </div>
      )}
    </Card>
  );
}
