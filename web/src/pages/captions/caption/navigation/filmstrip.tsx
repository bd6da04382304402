import { useLayoutEffect, useRef } from "preact/hooks";
import type { ImageItem } from "../../../../api/images";
import { headOf } from "../../../../state/captions/heads";
import { knownCaption, outbox } from "../../../../state/captions/outbox-sender";
import { peopleAt } from "../../../../state/people/presence";
import { myName } from "../../../../state/people/session";
import type { Tone } from "../../../../text/tone";
import "./filmstrip.css";

function stateOf(item: ImageItem): { tone: Tone; word: string } {
  const entry = outbox.value.find((one) => one.image_id === item.id);
  if (entry) return entry.state === "saving" ? { tone: "running", word: "saving" } : { tone: "failed", word: "not saved" };
  const text = knownCaption(item.id) ?? headOf(item, 0).text;
  if (text !== null && item.flagged_by) return { tone: "waiting", word: `done, flagged by ${item.flagged_by}` };
  if (text !== null) return { tone: "done", word: item.reviewed_by ? `reviewed by ${item.reviewed_by}` : "done" };
  const [other] = peopleAt(item.dataset_id, item.id).filter((name) => name !== myName());
  return other ? { tone: "waiting", word: `open at ${other}` } : { tone: "idle", word: "to do" };
}

/** The neighbours of the open image, each with a state dot. The open one stays in the middle. */
export function Filmstrip({ items, current, hrefOf }: { items: ImageItem[]; current: number; hrefOf: (image: number) => string }) {
  const nav = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const here = nav.current?.querySelector<HTMLElement>("[aria-current]");
    if (nav.current && here) nav.current.scrollLeft = here.offsetLeft + here.offsetWidth / 2 - nav.current.clientWidth / 2;
  }, [current, items.length]);
  return (
    <nav class="strip" aria-label="Neighbours" ref={nav}>
      {items.map((item) => {
        const { tone, word } = stateOf(item);
        return (
          <a
            key={item.id}
            href={hrefOf(item.id)}
            tabIndex={-1}
            aria-current={item.id === current ? "true" : undefined}
            aria-label={`${item.filename}, ${word}`}
            title={`${item.filename}: ${word}`}
          >
            <img src={item.thumb_url} alt="" />
            <i class={tone} />
          </a>
        );
      })}
    </nav>
  );
}
