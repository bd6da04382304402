/** The images that fit a filter: their ids at once, their records as they come into sight. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { ApiError } from "../../../api/http";
import { listIds, listImages } from "../../../api/images";
import { captionsVersion, datasetVersion } from "../../../state/datasets/live-datasets";
import { rememberImages } from "../../../state/images/live-images";
import { useResource } from "../../../state/resource";
import { useThrottled } from "../../../state/throttled-values";
import { filterQuery, type ImageFilter } from "../../../text/images/image-filter";
import { type ListUpdate, partsOf, updatedList } from "./list-update";

const REFRESH_MS = 5000;
const PART = 60;
const SETTLE_MS = 60;
const RETRY_MS = 2000;
const NOTHING: ListUpdate = { ids: [], waiting: 0 };

export interface Listing {
  ids: readonly number[];
  /** How many changes of the list are not shown yet. */
  waiting: number;
  isThere: boolean;
  error: ApiError | undefined;
  /** Shows the list as it is now. */
  refresh: () => void;
  /** Grows when records that are shown may be out of date. */
  round: string;
}

export function useListing(datasetId: string, filter: ImageFilter): Listing {
  const name = `${datasetId} ${filterQuery(filter)}`;
  const version = useThrottled(datasetVersion(datasetId), REFRESH_MS);
  const round = `${version}.${captionsVersion(datasetId)}`;
  const fetched = useResource((stop) => listIds(datasetId, filter, stop), [name], round);
  const [shown, setShown] = useState({ name, ...NOTHING });
  const isAsked = useRef(false);
  useEffect(() => {
    const newest = fetched.data?.ids;
    if (!newest) return;
    setShown((old) => ({ name, ...updatedList(old.name === name && !isAsked.current ? old.ids : [], newest) }));
    isAsked.current = false;
  }, [fetched.data]);
  const isCurrent = shown.name === name && fetched.data !== undefined;
  return {
    ids: isCurrent ? shown.ids : NOTHING.ids,
    waiting: isCurrent ? shown.waiting : 0,
    isThere: isCurrent,
    error: fetched.error,
    refresh: () => {
      isAsked.current = true;
      fetched.reload();
    },
    round,
  };
}

/** Fetches the records of what is in sight, each once a round; a quick scroll past fetches nothing. */
export function useRecords(datasetId: string, listing: Listing, [from, to]: readonly [number, number]): void {
  const { ids, round } = listing;
  const asked = useRef(new Map<number, string>());
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const fetchPart = async (part: number[]) => {
      part.forEach((id) => asked.current.set(id, round));
      try {
        rememberImages((await listImages(datasetId, { ids: part, limit: PART })).items);
      } catch {
        part.forEach((id) => asked.current.delete(id));
        window.setTimeout(() => setTurn((old) => old + 1), RETRY_MS);
      }
    };
    const timer = window.setTimeout(() => {
      const missing = partsOf(ids, from, to, PART).map((part) => part.filter((id) => asked.current.get(id) !== round));
      missing.filter((part) => part.length > 0).forEach((part) => void fetchPart(part));
    }, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [datasetId, ids, from, to, round, turn]);
}
