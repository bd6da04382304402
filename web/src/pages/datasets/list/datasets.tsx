import { FlaskConical, ImagePlus, Images, Plus } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { createDataset, createSample, type Dataset, listDatasets } from "../../../api/datasets";
import { Button } from "../../../design/button";
import { FormDialog } from "../../../design/dialog";
import { TextField } from "../../../design/field";
import { PageHead } from "../../../design/page-head";
import { Progress } from "../../../design/progress";
import { EmptyState, ErrorState, Loaded } from "../../../design/states";
import { When } from "../../../design/when";
import { go } from "../../../routing/router";
import { datasetPath } from "../../../routing/routes";
import { rememberDatasetName } from "../../../state/datasets/dataset-names";
import { anyDatasetVersion } from "../../../state/datasets/live-datasets";
import { acceptJob, activeJobs } from "../../../state/jobs/live-jobs";
import { useAction, useResource } from "../../../state/resource";
import { useTitle } from "../../../state/title";
import { count, countOf } from "../../../text/format";
import { kindWord } from "../../../text/jobs/job-kinds";
import "./datasets.css";

function Cover({ urls }: { urls: string[] }) {
  if (urls.length === 0) {
    return (
      <div class="cover none">
        <Images size={24} strokeWidth={1.5} aria-hidden />
      </div>
    );
  }
  return <div class="cover">{urls.slice(0, 4).map((url) => <img key={url} src={url} alt="" loading="lazy" />)}</div>;
}

/** What goes on in a dataset, in a few words. */
function nowText(dataset: Dataset): string {
  const job = activeJobs.value.find((one) => one.dataset_id === dataset.id);
  if (job) return `${kindWord(job.kind)} ${job.state === "queued" ? "waits" : "runs"}`;
  const train = dataset.steps.find((step) => step.key === "train");
  return train?.state === "done" && train.figure ? `Trained: ${train.figure}` : "";
}

function DatasetCard({ dataset }: { dataset: Dataset }) {
  rememberDatasetName(dataset.id, dataset.name);
  const { images, captioned } = dataset.counts;
  return (
    <a class="dataset-card" href={datasetPath(dataset.id)}>
      <Cover urls={dataset.cover} />
      <div class="dataset-card-body">
        <h2 class="clip">{dataset.name}</h2>
        <p class="num">
          {countOf(images, "image")} · {images > 0 && captioned === images ? "all captioned" : `${count(captioned)} captioned`}
        </p>
        <Progress value={images > 0 ? captioned / images : 0} label={`Captioned images of ${dataset.name}`} tone="done" />
        <p class="next clip">{nowText(dataset) || <When at={dataset.created_at} />}</p>
      </div>
    </a>
  );
}

function CreateDialog({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const action = useAction(() => createDataset(name.trim()).then((dataset) => go(datasetPath(dataset.id))));
  return (
    <FormDialog title="New dataset" verb="Create dataset" busy={action.busy} error={action.error} onClose={onClose} onSubmit={() => action.run()}>
      <TextField label="Dataset name" value={name} onInput={setName} required autofocus maxLength={100} hint="Its address is made from the name." />
    </FormDialog>
  );
}

function useSample() {
  return useAction(async () => {
    const { dataset, job } = await createSample();
    acceptJob(job);
    go(datasetPath(dataset.id));
  });
}

/** All datasets. */
export function DatasetsPage() {
  useTitle("Datasets");
  const [isCreating, setCreating] = useState(false);
  const sample = useSample();
  const datasets = useResource((stop) => listDatasets(stop), [], anyDatasetVersion());
  const { reload } = datasets;
  useEffect(() => {
    const timer = window.setInterval(reload, 15_000);
    return () => clearInterval(timer);
  }, []);
  const sampleButton = <Button icon={FlaskConical} busy={sample.busy} onClick={sample.run}>Try the sample dataset</Button>;
  const createButton = <Button kind="primary" icon={Plus} onClick={() => setCreating(true)}>Create dataset</Button>;
  const isEmpty = datasets.data?.items.length === 0;
  return (
    <>
      <PageHead title="Datasets" text="Images with captions: what a model learns from and what you search.">
        {!isEmpty && <>{sampleButton}{createButton}</>}
      </PageHead>
      <div class="stack">
        {sample.error && <ErrorState problem={sample.error} onRetry={() => sample.run()} />}
        <Loaded of={datasets} heights={[200, 200]}>
          {({ items }) =>
            items.length === 0 ? (
              <EmptyState icon={ImagePlus} title="No dataset yet" text="A dataset holds your images and their captions. Make one for your own images, or try the whole way on a sample that the service draws itself.">
                {createButton}
                {sampleButton}
              </EmptyState>
            ) : (
              <div class="dataset-grid">{items.map((dataset) => <DatasetCard key={dataset.id} dataset={dataset} />)}</div>
            )
          }
        </Loaded>
      </div>
      {isCreating && <CreateDialog onClose={() => setCreating(false)} />}
    </>
  );
}
