import { useEffect, useId, useState } from "preact/hooks";
import { listVariants, type VariantFilter } from "../../../api/augment";
import { Button } from "../../../design/button";
import { useAction, useResource } from "../../../state/resource";
import { count } from "../../../text/format";
import { scoreText } from "./decisions";

const SETTLE_MS = 150;
const STEP = 0.01;

/** A value that follows once it has been still for a moment. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(value), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

interface ScoreBarProps {
  datasetId: string;
  filter: VariantFilter;
  scores: [number, number];
  /** Grows when variants may have changed. */
  version: unknown;
  onReject: (filter: VariantFilter, below: number) => Promise<void>;
}

/** Rejects all that are to review and below a score; how many that is, is told before. */
export function ScoreBar({ datasetId, filter, scores: [low, high], version, onReject }: ScoreBarProps) {
  const id = useId();
  const least = Math.floor(low / STEP) * STEP;
  const most = Math.ceil(high / STEP) * STEP + STEP;
  const [below, setBelow] = useState(least);
  const settled = useSettled(below);
  const wanted: VariantFilter = { ...filter, state: "proposed", max_score: Number(settled.toFixed(2)) };
  const found = useResource((stop) => listVariants(datasetId, wanted, 1, null, stop), [datasetId, JSON.stringify(wanted)], version);
  const many = found.data?.total;
  const isSettled = settled === below && many !== undefined && !found.loading;
  const action = useAction(() => onReject(wanted, below));
  return (
    <div class="score-bar">
      <label for={id}>Reject below <b class="num">{scoreText(below)}</b></label>
      <input
        id={id}
        type="range"
        min={least.toFixed(2)}
        max={most.toFixed(2)}
        step={STEP}
        value={below.toFixed(2)}
        aria-valuetext={`below ${scoreText(below)}: ${many ?? 0} variants`}
        onInput={(event) => setBelow(Number(event.currentTarget.value))}
      />
      <Button small busy={action.busy} disabled={!isSettled || many === 0} onClick={() => action.run()}>
        {many === undefined || many === 0 ? "Reject none" : `Reject ${count(many)} ${many === 1 ? "variant" : "variants"}`}
      </Button>
    </div>
  );
}
