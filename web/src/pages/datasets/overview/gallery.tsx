import { CircleCheck, CircleDashed } from "lucide-preact";
import { type ImageItem, listImages } from "../../../api/images";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Loaded } from "../../../design/states";
import { captionPath, datasetPath } from "../../../routing/routes";
import { datasetVersion } from "../../../state/datasets/live-datasets";
import { useResource } from "../../../state/resource";
import { useThrottled } from "../../../state/throttled-values";
import { countOf } from "../../../text/format";
import "./gallery.css";

const SHOWN = 24;
const REFRESH_MS = 10_000;

function Thumb({ item }: { item: ImageItem }) {
  const Icon = item.caption ? CircleCheck : CircleDashed;
  const name = `${item.filename}: ${item.caption ?? "no caption yet"}`;
  return (
    <a href={captionPath(item.dataset_id, item.id)} title={name}>
      <img src={item.thumb_url} alt={name} loading="lazy" />
      <Icon class={item.caption ? "dot done" : "dot"} aria-hidden />
    </a>
  );
}

/** The first images; all of them have a page of their own. */
export function Gallery({ datasetId, total }: { datasetId: string; total: number }) {
  const first = useResource((stop) => listImages(datasetId, { limit: SHOWN }, stop), [datasetId], useThrottled(datasetVersion(datasetId), REFRESH_MS));
  return (
    <Card title="Images" beside={<Button small href={datasetPath(datasetId, "images")}>Show all {countOf(total, "image")}</Button>}>
      <Loaded of={first} datasetId={datasetId} heights={[96, 96]}>
        {({ items }) => <div class="gallery">{items.map((item) => <Thumb key={item.id} item={item} />)}</div>}
      </Loaded>
    </Card>
  );
}
