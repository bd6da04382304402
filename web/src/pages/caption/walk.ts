/** Walking from image to image: the neighbours in the dataset, or in what fits a filter. */
import { useEffect, useState } from "preact/hooks";
import { getNeighbours } from "../../api/calls";
import type { ImageItem } from "../../api/types";
import { imageOf, remember } from "../../state/images";
import { myName } from "../../state/session";
import { filterQuery, type ImageFilter } from "../../text/image-filter";
import type { Upcoming } from "./ahead";
import { isUncaptioned } from "./leases";
import { preload } from "./pictures";
import { EACH_SIDE, isEnough, positionIn, type Stretch } from "./stretch";

export interface Walk {
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

/** The images around the open one. A stretch is fetched once and serves for a few steps. */
export function useWalk(datasetId: string, current: number, filter: ImageFilter): Walk {
  const name = datasetId + filterQuery(filter);
  const [known, setKnown] = useState<{ name: string; stretch: Stretch } | null>(null);
  const stretch = known?.name === name ? known.stretch : undefined;
  const isKnown = stretch !== undefined && isEnough(stretch, current);
  useEffect(() => {
    if (isKnown) return undefined;
    const stop = new AbortController();
    getNeighbours(current, filter, EACH_SIDE, stop.signal).then(
      ({ items, position, total }) => {
        remember(items.filter((item) => item.id !== current || !imageOf(item.id)));
        setKnown({ name, stretch: { ids: items.map((item) => item.id), anchor: current, position, total } });
      },
      () => undefined,
    );
    return () => stop.abort();
  }, [name, current, isKnown]);
  useEffect(() => {
    if (stretch) preloadAround(stretch.ids, current);
  }, [stretch, current]);
  const ids = stretch?.ids ?? [];
  const shown = ids.includes(current) ? ids : [...ids, current].sort((a, b) => a - b);
  const isAtEnd = upcomingOf(stretch?.ids, current, filter);
  return {
    items: shown.map(imageOf).filter((item) => item !== undefined),
    previous: ids.findLast((id) => id < current),
    next: ids.find((id) => id > current),
    upcoming: isAtEnd.state === "none" && !isKnown ? { state: "looking" } : isAtEnd,
    position: stretch ? positionIn(stretch, current) : 0,
    total: stretch?.total,
  };
}
