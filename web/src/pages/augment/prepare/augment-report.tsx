import { ListChecks } from "lucide-preact";
import type { Job } from "../../../api/jobs";
import { Button } from "../../../design/button";
import { When } from "../../../design/when";
import { datasetPath } from "../../../routing/routes";
import { count, countOf } from "../../../text/format";
import { Figures } from "./figures";

interface AugmentResult {
  captions?: number;
  variants?: number;
  rows?: number;
  /** Variants there are to review, also those that were left out. */
  proposed?: number;
  kept_decisions?: number;
  short?: unknown[] | number;
}

interface AugmentReportProps {
  datasetId: string;
  job: Job;
  /** Of train.csv as it is after the review; unknown when the captions were split again. */
  rowsNow: number | undefined;
}

/** What the last augmentation made, what stands of it, and the way to its review. */
export function AugmentReport({ datasetId, job, rowsNow }: AugmentReportProps) {
  const result = (job.result ?? {}) as AugmentResult;
  const { captions = 0, short = [], proposed = 0, kept_decisions = 0 } = result;
  const few = Array.isArray(short) ? short.length : short;
  const rows = rowsNow ?? result.rows ?? 0;
  return (
    <div class="stack small">
      <Figures of={[["captions", captions], ["variants that stand", rows - captions], ["rows in train.csv", rows]]} />
      <p class="muted">
        Done <When at={job.finished_at} /> with {job.params.method === "llm" ? "the language model" : "synonyms"}.
        {few > 0 && ` ${countOf(few, "caption")} had fewer variants than asked for.`}
        {kept_decisions > 0 && ` ${countOf(kept_decisions, "earlier decision")} kept.`}
      </p>
      {rowsNow !== undefined && proposed > 0 && (
        <div class="row"><Button icon={ListChecks} href={datasetPath(datasetId, "review-variants")}>Review {count(proposed)} variants</Button></div>
      )}
    </div>
  );
}
