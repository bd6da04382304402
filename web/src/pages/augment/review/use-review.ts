/** The variants that are shown, and deciding on them: shown at once, put back when it fails. */
import { useEffect, useRef, useState } from "preact/hooks";
import { changeVariant, decideVariants, type Decision, listVariants, type Variant, type VariantChange, type VariantFilter, type VariantPage, type VariantState } from "../../../api/augment";
import { type ApiError, asApiError } from "../../../api/http";
import { datasetVersion } from "../../../state/datasets/live-datasets";
import { useResource } from "../../../state/resource";
import { useThrottled } from "../../../state/throttled-values";
import { announce, toast } from "../../../state/toasts";
import { countOf } from "../../../text/format";
import { DECIDED } from "./decision-words";
import { recounted, undoChanges } from "./decisions";

const PAGE = 100;
const COUNTS_EVERY_MS = 2000;

export interface Review {
  items: readonly Variant[];
  hasMore: boolean;
  isThere: boolean;
  error: ApiError | undefined;
  /** Counts of all that fit the filter, whatever their state; the page of one item carries them. */
  facts: VariantPage | undefined;
  more: () => void;
  reload: () => void;
  change: (variant: Variant, change: VariantChange) => Promise<Variant | null>;
  decide: (decision: Decision, done: string) => Promise<void>;
  /** Takes the last decision back; the variant it was on, if it was one. */
  undo: () => number | null;
}

type UndoStep = { variant: Variant } | { decision: Decision; done: string };

const say = (thrown: unknown): void => {
  const { message, remedy } = asApiError(thrown);
  toast({ tone: "failed", text: `${message} ${remedy}` });
};

export function useReview(dataset: string, filter: VariantFilter): Review {
  const name = `${dataset} ${JSON.stringify(filter)}`;
  const [shown, setShown] = useState<{ name: string; items: Variant[]; cursor: string | null }>({ name: "", items: [], cursor: null });
  const first = useResource((stop) => listVariants(dataset, filter, PAGE, null, stop), [name]);
  const { state: _, ...others } = filter;
  const version = useThrottled(datasetVersion(dataset), COUNTS_EVERY_MS);
  const counted = useResource((stop) => listVariants(dataset, others, 1, null, stop), [dataset, JSON.stringify(others)], version);
  const undoSteps = useRef<UndoStep[]>([]);
  const isAsking = useRef(false);
  useEffect(() => {
    if (first.data) setShown({ name, items: first.data.items, cursor: first.data.next_cursor });
  }, [first.data]);
  const isThere = shown.name === name;
  const put = (variant: Variant) => setShown((old) => ({ ...old, items: old.items.map((one) => (one.id === variant.id ? variant : one)) }));

  const more = () => {
    if (!isThere || shown.cursor === null || isAsking.current) return;
    isAsking.current = true;
    listVariants(dataset, filter, PAGE, shown.cursor)
      .then((page) => setShown((old) => (old.name === name ? { name, items: [...old.items, ...page.items], cursor: page.next_cursor } : old)), say)
      .finally(() => (isAsking.current = false));
  };
  const count = (from: VariantState, to: VariantState) => {
    if (counted.data) counted.set({ ...counted.data, counts: recounted(counted.data.counts, from, to) });
  };
  const send = async (variant: Variant, changes: VariantChange[]): Promise<Variant | null> => {
    const from = shown.items.find((one) => one.id === variant.id)?.state ?? variant.state;
    try {
      let now = variant;
      for (const change of changes) now = await changeVariant(variant.id, change);
      put(now);
      count(from, now.state);
      announce(`${DECIDED[now.state].word}.`);
      return now;
    } catch (thrown) {
      put(variant);
      say(thrown);
      return null;
    }
  };
  const change = async (variant: Variant, what: VariantChange) => {
    if (what.state) put({ ...variant, state: what.state });
    const now = await send(variant, [what]);
    if (now) undoSteps.current.push({ variant });
    return now;
  };
  const decide = async (decision: Decision, done: string) => {
    try {
      const { changed, ids } = await decideVariants(dataset, decision);
      const isBack = decision.state === "proposed";
      const back: UndoStep | null = ids && changed > 0 && !isBack ? { decision: { state: "proposed", ids }, done: "back to review" } : null;
      if (back) undoSteps.current.push(back);
      toast({ tone: "done", text: `${countOf(changed, "variant")} ${done}.`, ...(back ? { action: { verb: "Undo", run: () => undoStep(back) } } : {}) });
    } catch (thrown) {
      say(thrown);
    }
    first.reload();
    counted.reload();
  };
  const undoStep = (back: UndoStep): number | null => {
    undoSteps.current = undoSteps.current.filter((one) => one !== back);
    if ("variant" in back) {
      void send(back.variant, undoChanges(back.variant));
      return back.variant.id;
    }
    void decide(back.decision, back.done);
    return null;
  };
  const undo = () => {
    const last = undoSteps.current.at(-1);
    if (!last) announce("There is nothing to undo.");
    return last ? undoStep(last) : null;
  };
  return {
    items: isThere ? shown.items : [],
    hasMore: isThere && shown.cursor !== null,
    isThere,
    error: first.error,
    facts: counted.data,
    more,
    reload: first.reload,
    change,
    decide,
    undo,
  };
}
