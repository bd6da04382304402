import { useEffect } from "preact/hooks";
import { Button } from "../../design/button";
import { Loaded } from "../../design/states";
import { datasetPath } from "../../routes";
import { learnName } from "../../state/names";
import { PageHead } from "../../shell/shell";
import { useDataset } from "../../state/datasets";
import { useTitle } from "../../state/title";
import { countOf } from "../../text/format";
import { AugmentCard } from "./augment-card";
import { SplitCard } from "./split-card";
import { SynonymsCard } from "./synonyms/synonyms-card";
import "./prepare.css";

/** Split, then augment. */
export function PreparePage({ id }: { id: string }) {
  const dataset = useDataset(id);
  const known = dataset.data;
  if (known) learnName(id, known.name);
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
