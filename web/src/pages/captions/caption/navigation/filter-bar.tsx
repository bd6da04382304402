import { ListFilter, X } from "lucide-preact";
import { Button } from "../../../../design/button";
import { count } from "../../../../text/format";
import { filterWords, type ImageFilter } from "../../../../text/images/image-filter";
import type { NearbyImages } from "./nearby-images";
import "./filter-bar.css";

/** Which images one goes through, where this one stands, and the way back to all. */
export function FilterBar({ filter, nearby, clearHref }: { filter: ImageFilter; nearby: NearbyImages; clearHref: string }) {
  const words = filterWords(filter);
  if (words === "") return null;
  return (
    <div class="filter-bar">
      <ListFilter size={14} aria-hidden />
      <span class="clip">Only {words}</span>
      {nearby.total !== undefined && <span class="num">{count(Math.max(nearby.position, Math.min(1, nearby.total)))} of {count(nearby.total)}</span>}
      <Button kind="quiet" small icon={X} label="Clear the filter" href={clearHref} />
    </div>
  );
}
