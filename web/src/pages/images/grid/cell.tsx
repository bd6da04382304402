import { BadgeCheck, CircleAlert, CircleCheck, CircleDashed, Flag, LoaderCircle, type LucideIcon, Maximize2, Pencil, UserRound } from "lucide-preact";
import type { ImageItem } from "../../../api/images";
import { CONTEXT_TOKENS } from "../../../text/captions/tokens";
import { type Badge, badgeWords } from "./badges";

const ICONS: Record<Badge["kind"], LucideIcon> = {
  saving: LoaderCircle,
  conflict: CircleAlert,
  captioned: CircleCheck,
  todo: CircleDashed,
  reviewed: BadgeCheck,
  flagged: Flag,
  open: UserRound,
};

function Badges({ of }: { of: Badge[] }) {
  return (
    <span class="cell-marks" aria-hidden="true">
      {of.map(({ kind, tone, word }) => {
        const Icon = ICONS[kind];
        return <span key={kind} class={`${kind} ${tone}`} title={word}><Icon size={14} /></span>;
      })}
    </span>
  );
}

/** How many captions, and whether CLIP reads all of the longest. */
function Facts({ item }: { item: ImageItem }) {
  const others = item.captions.length;
  const tokens = item.tokens ?? 0;
  return (
    <span class="cell-facts" aria-hidden="true">
      {others > 0 && <span title={`${others + 1} captions`}>{others + 1}</span>}
      {tokens > CONTEXT_TOKENS && <span class="long" title={`${tokens} tokens: CLIP reads the first ${CONTEXT_TOKENS}`}>{tokens} tok</span>}
    </span>
  );
}

export interface CellProps {
  id: number;
  item: ImageItem | undefined;
  caption: string | null;
  badges: Badge[];
  column: number;
  isActive: boolean;
  isChosen: boolean;
  hasCaption: boolean;
  href: string;
  onEdit: () => void;
}

/** One image: its picture, its marks, its caption. */
export function Cell({ id, item, caption, badges, column, isActive, isChosen, hasCaption, href, onEdit }: CellProps) {
  const name = item ? `${item.filename}, ${badgeWords(badges)}${caption ? `: ${caption}` : ""}` : `Image ${id}, loading`;
  return (
    <div
      role="gridcell"
      class={isChosen ? "cell chosen" : "cell"}
      data-id={id}
      aria-colindex={column + 1}
      aria-selected={isChosen}
      aria-label={name}
      tabIndex={isActive ? 0 : -1}
    >
      <span class="cell-picture" title={item ? [item.filename, caption ?? "no caption yet", item.tag && `tag: ${item.tag}`].filter(Boolean).join("\n") : undefined}>
        {item && <img src={item.thumb_url} alt="" loading="lazy" decoding="async" draggable={false} />}
        {item && <Badges of={badges} />}
        {item && <Facts item={item} />}
        <span class="cell-acts">
          <button type="button" tabIndex={-1} aria-label={`Edit the caption of ${item?.filename ?? id}`} title="Edit caption (F2)" onClick={onEdit}>
            <Pencil size={14} aria-hidden />
          </button>
          <a href={href} tabIndex={-1} aria-label={`Open ${item?.filename ?? id}`} title="Open (Enter)">
            <Maximize2 size={14} aria-hidden />
          </a>
        </span>
      </span>
      {hasCaption && <span class={caption ? "cell-caption" : "cell-caption none"}>{item ? (caption ?? "No caption yet") : ""}</span>}
    </div>
  );
}
