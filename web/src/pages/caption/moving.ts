/** Going on: to the next image as soon as it is known. */
import { useEffect, useState } from "preact/hooks";
import { go } from "../../router";
import { captionPath, datasetPath } from "../../routes";
import { filterQuery, type ImageFilter } from "../../text/image-filter";
import type { Upcoming } from "./ahead";

export interface Moving {
  hrefOf: (image: number) => string;
  to: (image: number) => void;
  /** To the next image of the queue or the filter; past the last one to the page that says so. */
  on: () => void;
  /** It waits for the next image to be known. */
  isWaiting: boolean;
}

export function useMoving(id: string, image: number, filter: ImageFilter, upcoming: Upcoming): Moving {
  const [wanted, setWanted] = useState<number | null>(null);
  const query = filterQuery(filter);
  const hrefOf = (to: number) => captionPath(id, to) + query;
  const arrive = () => {
    setWanted(null);
    if (upcoming.state === "there") return go(hrefOf(upcoming.item.id));
    go(datasetPath(id, "caption") + (query === "" ? "" : `${query}&end=1`));
  };
  const isWaiting = wanted === image && upcoming.state === "looking";
  useEffect(() => {
    if (wanted === image && upcoming.state !== "looking") arrive();
  }, [wanted, image, upcoming]);
  return { hrefOf, to: (next) => go(hrefOf(next)), on: () => (upcoming.state === "looking" ? setWanted(image) : arrive()), isWaiting };
}
