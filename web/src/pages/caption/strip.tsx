import type { ImageItem } from "../../api/types";
import { captionPath } from "../../routes";
import { peopleIn } from "../../state/presence";
import { outbox, saved } from "../../state/saving";
import { myName } from "../../state/session";
import type { Tone } from "../../text/words";
import "./strip.css";

const EACH_SIDE = 9;

function stateOf(item: ImageItem): { tone: Tone; word: string } {
  const entry = outbox.value.find((one) => one.image_id === item.id);
  if (entry) return entry.state === "saving" ? { tone: "running", word: "saving" } : { tone: "failed", word: "conflict" };
  if (item.caption || saved.value.has(item.id)) return { tone: "done", word: "done" };
  const other = peopleIn(item.dataset_id).find((user) => user.image_id === item.id && user.name !== myName());
  return other ? { tone: "waiting", word: `open at ${other.name}` } : { tone: "idle", word: "to do" };
}

/** The neighbours of the open image, each with a state dot. */
export function Strip({ items, current }: { items: ImageItem[]; current: number }) {
  const at = items.findIndex((item) => item.id === current);
  const shown = at < 0 ? [] : items.slice(Math.max(0, at - EACH_SIDE), at + EACH_SIDE + 1);
  return (
    <nav class="strip" aria-label="Neighbours">
      {shown.map((item) => {
        const { tone, word } = stateOf(item);
        return (
          <a
            key={item.id}
            href={captionPath(item.dataset_id, item.id)}
            tabIndex={-1}
            aria-current={item.id === current ? "true" : undefined}
            aria-label={`${item.filename}, ${word}`}
            title={`${item.filename}: ${word}`}
          >
            <img src={item.thumb_url} alt="" loading="lazy" />
            <i class={tone} />
          </a>
        );
      })}
    </nav>
  );
}
