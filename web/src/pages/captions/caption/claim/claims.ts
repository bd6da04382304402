/** The open image, and the ones after it: claimed, loaded and decoded ahead. */
import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type ApiError, asApiError } from "../../../../api/http";
import type { ImageItem } from "../../../../api/images";
import { fetchImage, imageOf } from "../../../../state/images/live-images";
import { preload } from "../picture/preload";
import { isSomebodyThere, watchInput } from "./activity";
import { ClaimQueue, type Upcoming } from "./claim-queue";
import { claim, claimNextFree, forgetClaim, isHeld, isUncaptioned, release, releaseAll, skipped } from "./held-claims";

/** Claimed together when few of them are left: one request for some images, not one for each. */
const CLAIMED_AHEAD = 5;
const CLAIMED_AGAIN_AT = 2;
const RENEW_MS = 60_000;
/** How soon a claim that failed is tried again; and, when none was left, whether somebody gave one back. */
const TRY_AGAIN_MS = 4000;
const LOOK_AGAIN_MS = 20_000;

/** The queue of images to come, while the page is there. */
function useClaimQueue(datasetId: string): ClaimQueue {
  const tick = useMemo(() => signal(0), []);
  const queue = useMemo(
    () =>
      new ClaimQueue(
        {
          claim: async (after, count) => {
            const items = await claimNextFree(datasetId, after, count);
            items.forEach(preload);
            return items;
          },
          release,
          changed: () => (tick.value += 1),
        },
        { most: CLAIMED_AHEAD, refillAt: CLAIMED_AGAIN_AT },
      ),
    [datasetId],
  );
  useEffect(() => {
    const fill = () => isSomebodyThere() && queue.waiting.length <= CLAIMED_AGAIN_AT && queue.lookAgain();
    const timers = [window.setInterval(() => queue.upcoming.state === "looking" && fill(), TRY_AGAIN_MS), window.setInterval(fill, LOOK_AGAIN_MS)];
    return () => {
      timers.forEach((timer) => clearInterval(timer));
      queue.end();
    };
  }, [queue]);
  void tick.value;
  return queue;
}

export interface OpenImage {
  item: ImageItem | undefined;
  error: ApiError | undefined;
  /** Why it is not mine: somebody else is at it. */
  held: string | undefined;
}

function heldWords(name: string, hadClaim: boolean): string {
  return hadClaim
    ? `${name} has taken this image while you were away. What you typed is kept: Enter saves it, and asks if ${name} has saved another text before.`
    : `${name} is captioning this image. Go on to another one, or ask ${name}.`;
}

/** The open image, claimed for this tab while it is open, has no caption, and somebody is there. */
function useOpenImage(id: number, onLost: (id: number) => void, waiting: () => readonly ImageItem[]): OpenImage {
  const [problem, setProblem] = useState<{ id: number; error?: ApiError; held?: string } | null>(null);
  const isWanted = isUncaptioned(id);
  const open = useRef(id);
  open.current = id;
  const renew = async (one: number) => {
    const hadClaim = isHeld(one);
    const name = await claim(one);
    if (one !== open.current) return name === null ? undefined : onLost(one);
    setProblem(name === null ? null : { id: one, held: heldWords(name, hadClaim) });
  };
  const renewAll = () => [...(isUncaptioned(open.current) ? [open.current] : []), ...waiting().map((item) => item.id)].forEach((one) => void renew(one));
  useEffect(() => {
    if (isHeld(id)) return;
    void fetchImage(id).catch((thrown: unknown) => open.current === id && setProblem({ id, error: asApiError(thrown) }));
  }, [id]);
  useEffect(() => {
    if (isWanted && !isHeld(id)) void renew(id);
  }, [id, isWanted]);
  useEffect(() => {
    const timer = window.setInterval(() => isSomebodyThere() && renewAll(), RENEW_MS);
    const stop = watchInput(renewAll);
    const shown = (event: PageTransitionEvent) => event.persisted && renewAll();
    addEventListener("pagehide", releaseAll);
    addEventListener("pageshow", shown);
    return () => {
      clearInterval(timer);
      stop();
      removeEventListener("pagehide", releaseAll);
      removeEventListener("pageshow", shown);
    };
  }, []);
  const mine = problem?.id === id ? problem : null;
  return { item: imageOf(id), error: mine?.error, held: isWanted ? mine?.held : undefined };
}

/** Leaves an image: its claim ends with its caption, goes back to the others, or waits for my return. */
function leave(id: number, next: number | null, queue: ClaimQueue): void {
  const item = imageOf(id);
  if (!isUncaptioned(id) || !item) return forgetClaim(id);
  if (!isHeld(id)) return;
  if (next === null || skipped.value.has(id)) release(id);
  else queue.leave(item, next);
}

export interface Claims extends OpenImage {
  /** The image that Enter goes to when no filter says otherwise. */
  upcoming: Upcoming;
}

/** isQueued: the next images are claimed ahead; not so within a filter. */
export function useClaims(datasetId: string, current: number, isQueued: boolean): Claims {
  const queue = useClaimQueue(datasetId);
  const before = useRef<number | null>(null);
  useEffect(() => {
    if (before.current !== null && before.current !== current) leave(before.current, current, queue);
    before.current = current;
    if (isQueued) queue.show(current);
    else queue.end();
  }, [queue, current, isQueued]);
  useEffect(() => () => void (before.current !== null && leave(before.current, null, queue)), [queue]);
  const open = useOpenImage(current, (id) => queue.drop(id), () => queue.waiting);
  return { ...open, upcoming: queue.upcoming };
}
