/** The images around the open one: its neighbours in the dataset, or in what fits a filter. */
import { useEffect, useState } from "preact/hooks";
import { getNeighbours, type ImageItem } from "../../../../api/images";
import { imageOf, rememberImages } from "../../../../state/images/live-images";
import { myName } from "../../../../state/people/session";
import { filterQuery, type ImageFilter } from "../../../../text/images/image-filter";
import type { Upcoming } from "../claim/claim-queue";
import { isUncaptioned } from "../claim/held-claims";
import { preload } from "../picture/preload";
import { EACH_SIDE, type NeighbourWindow, positionIn, reachesFarEnough } from "./neighbour-window";

export interface NearbyImages {
  items: ImageItem[];
  previous: number | undefined;
  next: number | undefined;
  /** The next one that still fits: somebody may have captioned or reviewed it meanwhile. */
  upcoming: Upcoming;
  position: number;
  total: number | undefined;
}

function stillFits(id: number, filter: ImageFilter): boolean {
  const item = imageOf(id);
  if (filter.status === "uncaptioned" && !isUncaptioned(id)) return false;
  if (filter.status === "uncaptioned" && item?.claimed_by && item.claimed_by !== myName()) return false;
  return !(filter.reviewed === false && item?.reviewed_by);
}

function upcomingOf(ids: readonly number[] | undefined, current: number, filter: ImageFilter): Upcoming {
  if (!ids) return { state: "looking" };
  const item = ids.filter((id) => id > current && stillFits(id, filter)).map(imageOf).find((one) => one !== undefined);
  return item ? { state: "there", item } : { state: "none" };
}

function preloadAround(ids: readonly number[], current: number): void {
  const after = ids.filter((id) => id > current).slice(0, 2);
  const before = ids.filter((id) => id < current).slice(-1);
  for (const id of [...before, ...after]) {
    const item = imageOf(id);
    if (item) preload(item);
  }
}

/** The images around the open one. A window of them is fetched once and serves for a few steps. */
export function useNearbyImages(datasetId: string, current: number, filter: ImageFilter): NearbyImages {
  const name = datasetId + filterQuery(filter);
  const [known, setKnown] = useState<{ name: string; around: NeighbourWindow } | null>(null);
  const around = known?.name === name ? known.around : undefined;
  const isKnown = around !== undefined && reachesFarEnough(around, current);
  useEffect(() => {
    if (isKnown) return undefined;
    const stop = new AbortController();
    getNeighbours(current, filter, EACH_SIDE, stop.signal).then(
      ({ items, position, total }) => {
        rememberImages(items.filter((item) => item.id !== current || !imageOf(item.id)));
        setKnown({ name, around: { ids: items.map((item) => item.id), anchor: current, position, total } });
      },
      () => undefined,
    );
    return () => stop.abort();
  }, [name, current, isKnown]);
  useEffect(() => {
    if (around) preloadAround(around.ids, current);
  }, [around, current]);
  const ids = around?.ids ?? [];
  const shown = ids.includes(current) ? ids : [...ids, current].sort((a, b) => a - b);
  const upcoming = upcomingOf(around?.ids, current, filter);
  return {
    items: shown.map(imageOf).filter((item) => item !== undefined),
    previous: ids.findLast((id) => id < current),
    next: ids.find((id) => id > current),
    upcoming: upcoming.state === "none" && !isKnown ? { state: "looking" } : upcoming,
    position: around ? positionIn(around, current) : 0,
    total: around?.total,
  };
}
