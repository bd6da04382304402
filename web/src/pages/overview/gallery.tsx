import { CircleCheck, CircleDashed } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { listImages } from "../../api/calls";
import type { ImageItem } from "../../api/types";
import { Button } from "../../design/button";
import { Card } from "../../design/card";
import { TextField } from "../../design/field";
import { Loaded } from "../../design/states";
import { Tabs } from "../../design/tabs";
import { captionPath } from "../../routes";
import { datasetVersion } from "../../state/datasets";
import { useAction, useResource } from "../../state/resource";
import "./gallery.css";

type Shown = "all" | "captioned" | "uncaptioned";
const TABS: { value: Shown; label: string }[] = [
  { value: "all", label: "All" },
  { value: "captioned", label: "Captioned" },
  { value: "uncaptioned", label: "To do" },
];
const PAGE = 60;

function Thumb({ item }: { item: ImageItem }) {
  const ratio = item.width / item.height || 1;
  const Icon = item.caption ? CircleCheck : CircleDashed;
  const name = `${item.filename}: ${item.caption ?? "no caption yet"}`;
  return (
    <a
      href={captionPath(item.dataset_id, item.id)}
      title={name}
      style={{ "--ratio": ratio }}
    >
      <img src={item.thumb_url} alt={name} loading="lazy" />
      <Icon class={item.caption ? "dot done" : "dot"} aria-hidden />
    </a>
  );
}

/** The images, page by page. */
export function Gallery({ datasetId }: { datasetId: string }) {
  const [shown, setShown] = useState<Shown>("all");
  const [q, setQ] = useState("");
  const status = shown === "all" ? undefined : shown;
  const first = useResource((stop) => listImages(datasetId, { status, q, limit: PAGE }, stop), [datasetId, shown, q], datasetVersion(datasetId));
  const [more, setMore] = useState<{ items: ImageItem[]; cursor: string | null | undefined }>({ items: [], cursor: undefined });
  useEffect(() => setMore({ items: [], cursor: first.data?.next_cursor }), [first.data]);
  const next = useAction(async () => {
    const page = await listImages(datasetId, { status, q, limit: PAGE, cursor: more.cursor });
    setMore((old) => ({ items: [...old.items, ...page.items], cursor: page.next_cursor }));
  });
  return (
    <Card title="Images" beside={<Tabs name="Images shown" value={shown} tabs={TABS} onChange={setShown} />}>
      <div class="stack">
        <TextField hideLabel label="Find in names and captions" type="search" placeholder="Find in names and captions" value={q} onInput={setQ} />
        <Loaded of={first} datasetId={datasetId} heights={[96, 96, 96]}>
          {({ items }) =>
            items.length === 0 ? (
              <p class="muted">{q || status ? "No image fits." : "No images yet."}</p>
            ) : (
              <div class="gallery">{[...items, ...more.items].map((item) => <Thumb key={item.id} item={item} />)}</div>
            )
          }
        </Loaded>
        {more.cursor && <div class="row"><Button busy={next.busy} onClick={() => next.run()}>Show more</Button></div>}
      </div>
    </Card>
  );
}
