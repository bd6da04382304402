import { GitCompareArrows } from "lucide-preact";
import { listJobs } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { PageHead } from "../../../design/page-head";
import { EmptyState, Loaded } from "../../../design/states";
import { params } from "../../../routing/router";
import { useResource } from "../../../state/resource";
import { useTitle } from "../../../state/title";
import { idsOf } from "./addresses";
import { Chooser } from "./chooser";
import { Curves } from "./curves";
import { Follow } from "./run-name";
import { MOST_RUNS, useRuns } from "./runs";
import { SearchBoth } from "./search-both";
import { SideBySide } from "./side-by-side";
import { SweepBest } from "./sweep";
import "./compare.css";

function Comparison({ ids, isSweep }: { ids: string[]; isSweep: boolean }) {
  const runs = useRuns(ids);
  return (
    <>
      {ids.map((id) => <Follow key={id} id={id} />)}
      <Loaded of={runs} heights={[260, 240]}>
        {(found) => (
          <div class="stack">
            {isSweep && <SweepBest runs={found} />}
            <Curves runs={found} />
            <SideBySide runs={found} />
            <SearchBoth runs={found} />
          </div>
        )}
      </Loaded>
    </>
  );
}

/** All runs of a sweep, the lowest learning rate first. */
function Sweep({ group }: { group: string }) {
  const jobs = useResource((stop) => listJobs({ group_id: group, limit: 20 }, stop), [group]);
  return (
    <Loaded of={jobs} heights={[80, 260, 240]}>
      {({ items }) => {
        const ids = [...items].sort((a, b) => Number(a.params.lr) - Number(b.params.lr)).map((job) => job.id);
        if (ids.length > 0) return <Comparison ids={ids} isSweep />;
        return (
          <EmptyState icon={GitCompareArrows} title="This sweep has no run" text="Its runs may have been deleted with their dataset.">
            <Button href="/compare">Choose runs</Button>
          </EmptyState>
        );
      }}
    </Loaded>
  );
}

/** Runs side by side: `?runs=` job ids with commas between, or `?group=` a sweep. */
export function ComparePage() {
  const group = params.value.get("group");
  const ids = idsOf(params.value.get("runs"), MOST_RUNS);
  const isChosen = group !== null || ids.length > 0;
  useTitle(group === null ? "Compare runs" : "Sweep");
  return (
    <>
      <PageHead title={group === null ? "Compare runs" : "Sweep"} text="What was set differently is marked, and the best of each figure.">
        {isChosen && <Button href="/compare">Choose others</Button>}
        <Button href="/models">Models</Button>
      </PageHead>
      {group !== null ? <Sweep key={group} group={group} /> : isChosen ? <Comparison key={ids.join()} ids={ids} isSweep={false} /> : <Chooser />}
    </>
  );
}
