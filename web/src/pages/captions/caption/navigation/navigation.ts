/** Going from image to image: on to the next one as soon as it is known. */
import { useEffect, useState } from "preact/hooks";
import { go } from "../../../../routing/router";
import { captionPath, datasetPath } from "../../../../routing/routes";
import { filterQuery, type ImageFilter } from "../../../../text/images/image-filter";
import type { Upcoming } from "../claim/claim-queue";

export interface Navigation {
  hrefOf: (image: number) => string;
  goTo: (image: number) => void;
  /** To the next image of the queue or the filter; past the last one to the page that says so. */
  goOn: () => void;
  /** It waits for the next image to be known. */
  isWaiting: boolean;
}

export function useNavigation(id: string, image: number, filter: ImageFilter, upcoming: Upcoming): Navigation {
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
  return { hrefOf, goTo: (next) => go(hrefOf(next)), goOn: () => (upcoming.state === "looking" ? setWanted(image) : arrive()), isWaiting };
}
