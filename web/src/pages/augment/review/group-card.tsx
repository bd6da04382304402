import { Lock, TriangleAlert } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { MarkedText } from "../../../design/marked-text";
import { captionPath } from "../../../routing/routes";
import type { Group } from "./decisions";

interface GroupCardProps {
  datasetId: string;
  group: Group;
  /** The words of the variant that is looked at, if it is one of this caption. */
  against: string | null;
  children: ComponentChildren;
}

/** A caption at the left, its variants at the right. What the active variant lacks of it is marked. */
export function GroupCard({ datasetId, group: { source }, against, children }: GroupCardProps) {
  return (
    <section class="group" aria-label={`Caption: ${source.source_text}`}>
      <div class="group-source">
        <a href={captionPath(datasetId, source.image_id)} title={`Open ${source.filename}`}>
          <img src={source.thumb_url} alt={source.filename} loading="lazy" decoding="async" />
        </a>
        <div>
          {against === null ? <p class="marked" dir="auto">{source.source_text}</p> : <MarkedText before={source.source_text} after={against} side="before" />}
          <p class="kept muted"><Lock size={12} aria-hidden /> Caption, always kept</p>
          {source.is_stale && (
            <p class="doubts"><TriangleAlert size={14} aria-hidden /> <span>Changed since the split: train.csv has it as it was then.</span></p>
          )}
        </div>
      </div>
      <ul class="group-variants">{children}</ul>
    </section>
  );
}
