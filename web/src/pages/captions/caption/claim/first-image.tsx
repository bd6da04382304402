import { CheckCheck, ListFilter } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { type ApiError, asApiError } from "../../../../api/http";
import { listImages } from "../../../../api/images";
import { Button } from "../../../../design/button";
import { EmptyState, ErrorState, Skeleton } from "../../../../design/states";
import { go } from "../../../../routing/router";
import { captionPath, datasetPath } from "../../../../routing/routes";
import { rememberImages } from "../../../../state/images/live-images";
import { countOf } from "../../../../text/format";
import { filterQuery, filterWords, type ImageFilter } from "../../../../text/images/image-filter";
import { claimNextFree, skipped, unskip } from "./held-claims";

function AllDone({ id, onSkipped }: { id: string; onSkipped: () => void }) {
  const left = skipped.value.size;
  return (
    <main id="page" class="page" tabIndex={-1}>
      <EmptyState icon={CheckCheck} title="No image waits for a caption" text="All are captioned, or open at somebody else. The next step is to split the captions into a part to train on and a part to measure with.">
        <Button kind="primary" href={datasetPath(id, "prepare")}>Split captions</Button>
        <Button href={`${datasetPath(id, "caption")}?status=captioned&reviewed=false`}>Review captions</Button>
        {left > 0 && <Button onClick={onSkipped}>Go back to {countOf(left, "skipped image")}</Button>}
        <Button href={datasetPath(id)}>Go to the overview</Button>
      </EmptyState>
    </main>
  );
}

function NoneFits({ id, filter, isEnd }: { id: string; filter: ImageFilter; isEnd: boolean }) {
  const all = datasetPath(id, "caption");
  return (
    <main id="page" class="page" tabIndex={-1}>
      <EmptyState
        icon={ListFilter}
        title={isEnd ? "That was the last one" : "No image fits this filter"}
        text={`The filter: ${filterWords(filter)}.`}
      >
        {isEnd && <Button kind="primary" href={all + filterQuery(filter)}>Start at the first one again</Button>}
        <Button href={all}>Caption without the filter</Button>
        <Button href={datasetPath(id)}>Go to the overview</Button>
      </EmptyState>
    </main>
  );
}

async function firstOf(id: string, filter: ImageFilter): Promise<number | null> {
  if (filterQuery(filter) === "") {
    try {
      return (await claimNextFree(id, undefined, 1))[0]?.id ?? null;
    } catch (thrown) {
      if (asApiError(thrown).status !== 403) throw thrown; // whoever may not caption looks at all of them
    }
  }
  const { items } = await listImages(id, { ...filter, limit: 1 });
  rememberImages(items);
  return items[0]?.id ?? null;
}

/** Without an image in the address: claims one, or takes the filter's first, and goes there. isEnd: the filter has no image after the last one. */
export function FirstImage({ id, filter, isEnd }: { id: string; filter: ImageFilter; isEnd: boolean }) {
  const [state, setState] = useState<"asking" | "none" | ApiError>("asking");
  const query = filterQuery(filter);
  const ask = () => {
    if (isEnd) return setState("none");
    setState("asking");
    firstOf(id, filter).then(
      (found) => (found === null ? setState("none") : go(captionPath(id, found) + query, { replace: true })),
      (thrown: unknown) => setState(asApiError(thrown)),
    );
  };
  useEffect(ask, [id, query, isEnd]);
  const retrySkipped = () => {
    unskip();
    ask();
  };
  if (state === "none") return query === "" ? <AllDone id={id} onSkipped={retrySkipped} /> : <NoneFits id={id} filter={filter} isEnd={isEnd} />;
  return (
    <main id="page" class="page" tabIndex={-1}>
      {state === "asking" ? <Skeleton heights={[400, 68]} /> : <ErrorState problem={state} datasetId={id} onRetry={ask} />}
    </main>
  );
}
