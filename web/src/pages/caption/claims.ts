/** Which image is mine to caption, and the one after it, already there. */
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { claimImage, claimNext, getImage, listImages, releaseImage } from "../../api/calls";
import { type ApiError, asApiError } from "../../api/http";
import type { ImageItem } from "../../api/types";
import { knownCaption } from "../../state/saving";

const RENEW_MS = 60_000;
const TRIES = 6;
const WINDOW = 24;

/** Images seen in this sitting, so that going back shows them at once. */
const items = signal<ReadonlyMap<number, ImageItem>>(new Map());

function remember(found: ImageItem[]): void {
  const next = new Map(items.value);
  found.forEach((item) => next.set(item.id, item));
  items.value = next;
}

const release = (id: number): void => void releaseImage(id).catch(() => undefined);

/** Claims the next image after `after` that has no caption, neither there nor on its way. Null: none is left. */
export async function claimFresh(datasetId: string, after?: number): Promise<ImageItem | null> {
  let from = after;
  for (let turn = 0; turn < TRIES; turn += 1) {
    const item = await claimNext(datasetId, from);
    if (!item || item.id === after) return null;
    if (knownCaption(item.id) === undefined) {
      remember([item]);
      return item;
    }
    from = item.id;
  }
  return null;
}

export type Upcoming = { state: "looking" } | { state: "none" } | { state: "there"; item: ImageItem };

function preload(item: ImageItem): void {
  const picture = new Image();
  picture.decoding = "async";
  picture.src = item.url;
}

/** The image after the open one: claimed and its picture loaded ahead. Given back when it is not used. */
export function useUpcoming(datasetId: string, current: number | null): Upcoming {
  const [upcoming, setUpcoming] = useState<Upcoming>({ state: "looking" });
  const open = useRef(current);
  open.current = current;
  useEffect(() => {
    if (current === null) return undefined;
    let item: ImageItem | null = null;
    let isGone = false;
    setUpcoming({ state: "looking" });
    void claimFresh(datasetId, current)
      .catch(() => null)
      .then((found) => {
        item = found;
        if (isGone) return item && item.id !== open.current ? release(item.id) : undefined;
        if (item) preload(item);
        setUpcoming(item ? { state: "there", item } : { state: "none" });
      });
    const renew = window.setInterval(() => item && void claimImage(item.id).catch(() => undefined), RENEW_MS);
    return () => {
      isGone = true;
      clearInterval(renew);
      if (item && item.id !== open.current) release(item.id);
    };
  }, [datasetId, current]);
  return upcoming;
}

export interface OpenImage {
  item: ImageItem | undefined;
  error: ApiError | undefined;
  /** Why it is not mine: somebody else is at it. */
  held: string | undefined;
}

/** The open image, leased to me while it is open and has no caption. */
export function useOpenImage(id: number | null): OpenImage {
  const [problem, setProblem] = useState<{ id: number; error?: ApiError; held?: string } | null>(null);
  useEffect(() => {
    if (id === null) return undefined;
    let isOpen = true;
    void open(id).catch((thrown: unknown) => isOpen && setProblem({ id, error: asApiError(thrown) }));
    const claim = () => void lease(id).then((held) => isOpen && setProblem(held ? { id, held } : null));
    claim();
    const renew = window.setInterval(claim, RENEW_MS);
    return () => {
      isOpen = false;
      clearInterval(renew);
      if (needsLease(id)) release(id);
    };
  }, [id]);
  const mine = problem?.id === id ? problem : null;
  return { item: id === null ? undefined : items.value.get(id), error: mine?.error, held: mine?.held };
}

async function open(id: number): Promise<void> {
  remember([await getImage(id)]);
}

const needsLease = (id: number): boolean => !items.value.get(id)?.caption && knownCaption(id) === undefined;

/** Leases an image; the sentence of the refusal when somebody else has it. */
async function lease(id: number): Promise<string | undefined> {
  if (!needsLease(id)) return undefined;
  try {
    remember([await claimImage(id)]);
  } catch (thrown) {
    const error = asApiError(thrown);
    return error.status === 409 ? error.message : undefined;
  }
  return undefined;
}

/** The images around the open one, in order. */
export function useNeighbours(datasetId: string, current: number | null): ImageItem[] {
  useEffect(() => {
    if (current === null) return;
    const ids = Array.from({ length: 2 * WINDOW + 1 }, (_, index) => current - WINDOW + index).filter((id) => id > 0);
    void listImages(datasetId, { ids, limit: ids.length }).then(
      (page) => remember(page.items),
      () => undefined,
    );
  }, [datasetId, current]);
  return [...items.value.values()].filter((item) => item.dataset_id === datasetId).sort((a, b) => a.id - b.id);
}
