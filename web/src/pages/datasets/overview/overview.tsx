import { FileDown, Pencil, Trash2 } from "lucide-preact";
import { useState } from "preact/hooks";
import { type Dataset, datasetFile, deleteDataset, renameDataset } from "../../../api/datasets";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Confirm, FormDialog } from "../../../design/dialog";
import { TextField } from "../../../design/field";
import { PageHead } from "../../../design/page-head";
import { Loaded } from "../../../design/states";
import { When } from "../../../design/when";
import { go } from "../../../routing/router";
import { datasetPath } from "../../../routing/routes";
import { rememberDatasetName } from "../../../state/datasets/dataset-names";
import { useDataset } from "../../../state/datasets/live-datasets";
import { needs, whyICannot } from "../../../state/people/roles";
import { activeJobs } from "../../../state/jobs/live-jobs";
import { type Resource, useAction } from "../../../state/resource";
import { useTitle } from "../../../state/title";
import { toastDeleted } from "../../../state/trash";
import { kindWord } from "../../../text/jobs/job-kinds";
import { ImportCaptions } from "../../captions/import/import-captions";
import { TeamCard } from "../../captions/team/team";
import { AddImages } from "../../images/upload/add-images";
import { JobWatch } from "../../jobs/controls/job-watch";
import { ExportMenu } from "./export-menu";
import { Gallery } from "./gallery";
import { Steps } from "./steps";

const FILES = ["index.csv", "train_original.csv", "val.csv", "train.csv"];

function Files({ dataset }: { dataset: Dataset }) {
  return (
    <Card title="Files" text="Tab-separated, as open_clip_train reads them.">
      <div class="row">
        {FILES.map((name) => (
          <Button key={name} small kind="quiet" icon={FileDown} href={datasetFile(dataset.id, name)} download>
            {name}
          </Button>
        ))}
      </div>
    </Card>
  );
}

function RenameDialog({ dataset, onClose }: { dataset: Resource<Dataset>; onClose: () => void }) {
  const known = dataset.data;
  const [name, setName] = useState(known?.name ?? "");
  const action = useAction(async () => {
    if (known) dataset.set({ ...known, ...(await renameDataset(known.id, name.trim())) });
    onClose();
  });
  return (
    <FormDialog title="Rename dataset" verb="Rename" busy={action.busy} error={action.error} onClose={onClose} onSubmit={() => action.run()}>
      <TextField label="Dataset name" value={name} onInput={setName} required autofocus maxLength={100} />
    </FormDialog>
  );
}

function DatasetActions({ dataset }: { dataset: Resource<Dataset> }) {
  const [open, setOpen] = useState<"rename" | "delete" | null>(null);
  const known = dataset.data;
  if (!known) return null;
  const close = () => setOpen(null);
  return (
    <>
      <ExportMenu datasetId={known.id} />
      <Button kind="quiet" icon={Pencil} label="Rename dataset" {...needs(known.id, "manager")} onClick={() => setOpen("rename")} />
      <Button kind="quiet" icon={Trash2} label="Delete dataset" {...needs(known.id, "owner")} onClick={() => setOpen("delete")} />
      {open === "rename" && <RenameDialog dataset={dataset} onClose={close} />}
      {open === "delete" && (
        <Confirm
          title={`Delete ${known.name}?`}
          text="Its jobs are stopped, and it goes into the trash with its images, captions and indexes. Models trained on it stay."
          verb="Delete dataset"
          name={known.name}
          onClose={close}
          act={() => deleteDataset(known.id, known.name).then(() => {
            go("/");
            toastDeleted(`${known.name} deleted.`, { kind: "dataset", key: known.id }, known.name, () => go(datasetPath(known.id)));
          })}
        />
      )}
    </>
  );
}

/** What runs on the dataset now. */
function Running({ datasetId }: { datasetId: string }) {
  const jobs = activeJobs.value.filter((job) => job.dataset_id === datasetId);
  if (jobs.length === 0) return null;
  return (
    <Card title="Running now">
      <div class="stack">
        {jobs.map((job) => (
          <div class="stack small" key={job.id}>
            <h3>{kindWord(job.kind)}</h3>
            <JobWatch id={job.id} />
          </div>
        ))}
      </div>
    </Card>
  );
}

function madeBy(dataset: Dataset) {
  return (
    <>
      Made <When at={dataset.created_at} />
      {dataset.created_by ? ` by ${dataset.created_by}` : ""}
    </>
  );
}

/** A dataset: how far it is, and what comes next. */
export function OverviewPage({ id }: { id: string }) {
  const dataset = useDataset(id);
  const known = dataset.data;
  if (known) rememberDatasetName(id, known.name);
  useTitle(known?.name);
  const mayAdd = whyICannot(id, "manager") === "";
  return (
    <>
      <PageHead title={known?.name ?? id} text={known && madeBy(known)}>
        <DatasetActions dataset={dataset} />
      </PageHead>
      <Loaded of={dataset} heights={[150, 320]}>
        {(data) => (
          <div class="stack">
            <Steps dataset={data} />
            <div class="columns wide-left">
              <div class="stack">
                {data.counts.images > 0 && <Gallery datasetId={id} total={data.counts.images} />}
                {data.counts.images > 0 && <TeamCard datasetId={id} />}
                {data.counts.images === 0 && mayAdd && <AddImages datasetId={id} />}
              </div>
              <div class="stack">
                {data.counts.images > 0 && mayAdd && <AddImages datasetId={id} />}
                <Running datasetId={id} />
                {mayAdd && <ImportCaptions datasetId={id} />}
                <Files dataset={data} />
              </div>
            </div>
          </div>
        )}
      </Loaded>
    </>
  );
}
