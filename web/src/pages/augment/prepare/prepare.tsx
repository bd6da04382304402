import { useEffect } from "preact/hooks";
import { Button } from "../../../design/button";
import { PageHead } from "../../../design/page-head";
import { RoleNotice } from "../../../design/role-notice";
import { Loaded } from "../../../design/states";
import { datasetPath } from "../../../routing/routes";
import { rememberDatasetName } from "../../../state/datasets/dataset-names";
import { useDataset } from "../../../state/datasets/live-datasets";
import { useTitle } from "../../../state/title";
import { countOf } from "../../../text/format";
import { SplitCard } from "../split/split-card";
import { SynonymsCard } from "../synonyms/synonyms-card";
import { AugmentCard } from "./augment-card";
import "./prepare.css";

/** Split, then augment. */
export function PreparePage({ id }: { id: string }) {
  const dataset = useDataset(id);
  const known = dataset.data;
  if (known) rememberDatasetName(id, known.name);
  useTitle("Prepare", known?.name);
  const isThere = known !== undefined;
  useEffect(() => {
    if (isThere && location.hash === "#augment") document.getElementById("augment")?.scrollIntoView();
  }, [isThere]);
  return (
    <>
      <PageHead title="Prepare" text={known && `${countOf(known.counts.captioned, "caption")} to work with.`}>
        <Button href={datasetPath(id, "train")}>Go to training</Button>
      </PageHead>
      <Loaded of={dataset} heights={[320, 320]}>
        {(data) => (
          <div class="stack">
            <RoleNotice datasetId={id} needed="manager" />
            <div class="columns">
              <SplitCard dataset={data} />
              <AugmentCard dataset={data} />
            </div>
            <SynonymsCard dataset={data} />
          </div>
        )}
      </Loaded>
    </>
  );
}
