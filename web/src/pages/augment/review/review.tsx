import { CheckCheck, Undo2, WandSparkles } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import type { VariantFilter, VariantState } from "../../../api/augment";
import { Button } from "../../../design/button";
import { Check, TextField } from "../../../design/field";
import { PageHead } from "../../../design/page-head";
import { EmptyState, ErrorState, Skeleton } from "../../../design/states";
import { Tabs } from "../../../design/tabs";
import { go, params } from "../../../routing/router";
import { datasetPath } from "../../../routing/routes";
import { rememberDatasetName } from "../../../state/datasets/dataset-names";
import { useDataset } from "../../../state/datasets/live-datasets";
import { useAction } from "../../../state/resource";
import { useTitle } from "../../../state/title";
import { count, countOf } from "../../../text/format";
import { DECIDED } from "./decision-words";
import { type Counts, parseReview, reviewQuery, scoreText } from "./decisions";
import { List } from "./list";
import { ScoreBar } from "./score-bar";
import { type Review, useReview } from "./use-review";
import "./review.css";

type Tab = VariantState | "all";
const TABS: readonly Tab[] = ["proposed", "accepted", "edited", "rejected", "all"];
const TYPING_MS = 300;

const sumOf = (counts: Counts): number => Object.values(counts).reduce((sum, one) => sum + one, 0);

function tabsOf(counts: Counts | undefined): { value: Tab; label: string }[] {
  return TABS.map((value) => {
    const many = counts === undefined ? "" : ` ${count(value === "all" ? sumOf(counts) : counts[value])}`;
    return { value, label: `${value === "all" ? "All" : DECIDED[value].word}${many}` };
  });
}

/** A text to look for, asked for once the typing rests. */
function TextFilter({ value, onChange }: { value: string; onChange: (q: string) => void }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => {
    if (typed === value) return undefined;
    const timer = window.setTimeout(() => onChange(typed), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return <TextField label="Text" hideLabel type="search" placeholder="Text in a caption or variant" value={typed} onInput={setTyped} />;
}

function Nothing({ id, filter, facts }: { id: string; filter: VariantFilter; facts: Review["facts"] }) {
  if (facts && sumOf(facts.counts) === 0 && !filter.q && !filter.doubted) {
    return (
      <EmptyState icon={WandSparkles} title="No variants yet" text="Augmentation proposes other words for the captions to train on. Here you look them over before a training uses them.">
        <Button kind="primary" href={`${datasetPath(id, "prepare")}#augment`}>Augment captions</Button>
      </EmptyState>
    );
  }
  const isDone = filter.state === "proposed" && !filter.q && !filter.doubted;
  return (
    <EmptyState icon={CheckCheck} title={isDone ? "All variants are reviewed" : "No variant fits"} text={isDone ? "train.csv has what stands." : "Other filters may show some."}>
      {isDone ? <Button kind="primary" href={datasetPath(id, "train")}>Go to training</Button> : <Button onClick={() => go(location.pathname)}>Clear filters</Button>}
    </EmptyState>
  );
}

function AcceptAll({ filter, facts, review }: { filter: VariantFilter; facts: Review["facts"]; review: Review }) {
  const many = facts?.counts.proposed ?? 0;
  const action = useAction(() => review.decide({ state: "accepted", filter: { ...filter, state: "proposed" } }, "accepted"));
  if (filter.state !== "proposed" || many === 0) return null;
  return <Button small icon={CheckCheck} busy={action.busy} onClick={() => action.run()}>Accept {count(many)} left</Button>;
}

function headText(facts: Review["facts"]): string | undefined {
  if (!facts) return undefined;
  const rows = facts.train_rows === null ? "" : ` train.csv has ${countOf(facts.train_rows, "row")} now.`;
  return `${countOf(sumOf(facts.counts), "variant")}. What is not rejected is trained on; the captions themselves are always kept.${rows}`;
}

/** Captions and their variants side by side, to accept, edit or reject. */
export function ReviewPage({ id }: { id: string }) {
  const dataset = useDataset(id);
  if (dataset.data) rememberDatasetName(id, dataset.data.name);
  useTitle("Review variants", dataset.data?.name);
  const filter = parseReview(params.value);
  const show = (change: VariantFilter) => go(datasetPath(id, "review-variants") + reviewQuery(change), { replace: true });
  const review = useReview(id, filter);
  const { facts } = review;
  const { state: _, ...others } = filter;
  return (
    <>
      <PageHead title="Review variants" text={headText(facts)}>
        <Button href={datasetPath(id, "prepare")}>Back to prepare</Button>
      </PageHead>
      <div class="review-bar">
        <div class="review-filters">
          <Tabs name="What was decided" value={filter.state ?? "all"} tabs={tabsOf(facts?.counts)} onChange={(tab) => show({ ...others, ...(tab === "all" ? {} : { state: tab }) })} />
          <TextFilter value={filter.q ?? ""} onChange={(q) => show({ ...filter, q })} />
          <Check label="Doubted only" checked={filter.doubted ?? false} onChange={(doubted) => show({ ...filter, doubted })} />
        </div>
        <div class="review-many">
          {facts?.scores && <ScoreBar key={facts.scores.map(scoreText).join()} datasetId={id} filter={others} scores={facts.scores} version={facts} onReject={(below, score) => review.decide({ state: "rejected", filter: below }, `below ${scoreText(score)} rejected`)} />}
          <AcceptAll filter={filter} facts={facts} review={review} />
          <Button small kind="quiet" icon={Undo2} title="Undo (U)" onClick={() => review.undo()}>Undo</Button>
          <p class="review-keys muted"><kbd>A</kbd> accept <kbd>R</kbd> reject <kbd>E</kbd> edit <kbd>J</kbd> <kbd>K</kbd> next, previous <kbd>U</kbd> undo</p>
        </div>
      </div>
      {!review.isThere && (review.error ? <ErrorState problem={review.error} datasetId={id} onRetry={review.reload} /> : <Skeleton heights={[140, 140, 140]} />)}
      {review.isThere && review.items.length === 0 && <Nothing id={id} filter={filter} facts={facts} />}
      {review.items.length > 0 && <List key={`${id} ${reviewQuery(filter)}`} datasetId={id} review={review} />}
    </>
  );
}
