import { imageThumb } from "../../../api/images";
import type { Job } from "../../../api/jobs";
import { Notice } from "../../../design/states";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { count, countOf, percent } from "../../../text/format";
import { Figures } from "../prepare/figures";
import { pairWords, type ShownPair } from "./near-duplicates";
import "./split-report.css";

const SHOWN_PAIRS = 6;

interface SplitResult {
  train_images?: number;
  val_images?: number;
  train_rows?: number;
  val_rows?: number;
  groups_kept_together?: number;
  images_in_groups?: number;
  near_duplicate_method?: string;
  index?: { model: string; images: number; min_cosine: number } | null;
  pairs?: ShownPair[];
  strata?: { name: string; train: number; val: number }[];
  strata_count?: number;
  snapshot_id?: string;
  sha256?: string;
  warnings?: string[];
}

/** A few near-duplicates side by side, to see what counts as one. */
function Pairs({ of }: { of: ShownPair[] }) {
  return (
    <ul class="pairs">
      {of.slice(0, SHOWN_PAIRS).map((pair) => (
        <li key={pair.images.join()}>
          <div>{pair.images.map((id) => <img key={id} src={imageThumb(id)} alt={`Image ${id}`} loading="lazy" />)}</div>
          <small class="muted num">{pairWords(pair)}</small>
        </li>
      ))}
    </ul>
  );
}

/** How many groups there are, by what they were told, and examples. */
function NearDuplicates({ of }: { of: SplitResult }) {
  const { groups_kept_together: groups = 0, images_in_groups = 0, near_duplicate_method: method, index, pairs = [], warnings = [] } = of;
  if (method === "none") return <p class="muted">Near-duplicates were not looked for.</p>;
  const how = index ? `perceptual hash and the embeddings of ${index.model}` : "perceptual hash";
  return (
    <div class="stack small">
      <h3>{groups === 0 ? "No near-duplicates" : `${countOf(groups, "group")} of near-duplicates kept on one side`}</h3>
      <p class="muted">{groups > 0 && `${count(images_in_groups)} images. `}Told by {how}.{!index && warnings.length === 0 && " An index of the images would tell more."}</p>
      {Array.isArray(pairs[0]) || <Pairs of={pairs} />}
    </div>
  );
}

function Strata({ of, all }: { of: { name: string; train: number; val: number }[]; all: number }) {
  if (of.length === 0) return null;
  return (
    <div class="stack small">
      <Table name="Images of each kind" columns={[{ title: "Kind" }, { title: "Train on", right: true }, { title: "Measure with", right: true }, { title: "Share", right: true }]}>
        {of.map(({ name, train, val }) => (
          <tr key={name}><td>{name}</td><td class="right num">{count(train)}</td><td class="right num">{count(val)}</td><td class="right num">{percent(val / (train + val))}</td></tr>
        ))}
      </Table>
      {all > of.length && <p class="muted">And {count(all - of.length)} smaller ones.</p>}
    </div>
  );
}

/** The two parts, what was kept together, and the snapshot that later figures name. */
export function SplitReport({ job }: { job: Job }) {
  const result = (job.result ?? {}) as SplitResult;
  const { train_images = 0, val_images = 0, train_rows = 0, val_rows = 0, warnings = [], strata = [], strata_count = 0, snapshot_id, sha256 } = result;
  const all = train_images + val_images || 1;
  return (
    <div class="stack">
      <div class="stack small">
        <div class="split-bar" role="img" aria-label={`${percent(train_images / all)} to train on, ${percent(val_images / all)} to measure with`}>
          <i style={{ width: `${(100 * train_images) / all}%` }} />
          <i style={{ width: `${(100 * val_images) / all}%` }} />
        </div>
        <Figures of={[["images to train on", train_images], ["images to measure with", val_images], ["captions", train_rows + val_rows]]} />
        <p class="muted">
          Split <When at={job.finished_at} />.
          {snapshot_id && <> Snapshot <code class="snapshot" title={sha256 ? `SHA-256 ${sha256}` : undefined}>{snapshot_id}</code>: trainings and variants name it.</>}
        </p>
      </div>
      {warnings.map((text) => <Notice key={text}>{text}</Notice>)}
      <Strata of={strata} all={strata_count} />
      <NearDuplicates of={result} />
    </div>
  );
}
