import { ListFilter, X } from "lucide-preact";
import { Button } from "../../design/button";
import { count } from "../../text/format";
import { filterWords, type ImageFilter } from "../../text/image-filter";
import type { Walk } from "./walk";
import "./filter-bar.css";

/** Which images are walked through, where this one stands, and the way back to all. */
export function FilterBar({ filter, walk, clearHref }: { filter: ImageFilter; walk: Walk; clearHref: string }) {
  const words = filterWords(filter);
  if (words === "") return null;
  return (
    <div class="filter-bar">
      <ListFilter size={14} aria-hidden />
      <span class="clip">Only {words}</span>
      {walk.total !== undefined && <span class="num">{count(Math.max(walk.position, Math.min(1, walk.total)))} of {count(walk.total)}</span>}
      <Button kind="quiet" small icon={X} label="Clear the filter" href={clearHref} />
    </div>
  );
}
