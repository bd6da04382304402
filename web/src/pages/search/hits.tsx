import { ArrowDown, ArrowUp } from "lucide-preact";
import type { Hit } from "../../api/search";
import { captionPath, searchPath } from "../../routing/routes";
import "./hits.css";

interface HitProps {
  hit: Hit;
  rank: number;
  datasetId: string;
  model: string;
  /** The rank that the other model gave it, or null when it did not find it; undefined: nothing to compare. */
  other?: number | null | undefined;
}

function moveText(rank: number, other: number | null | undefined): string {
  if (other === undefined || other === rank) return "";
  return other === null ? "not found by the other model" : `place ${other} with the other model`;
}

function HitView({ hit, rank, datasetId, model, other }: HitProps) {
  const ratio = hit.width / hit.height || 1;
  const name = hit.caption ?? hit.filename;
  const moved = moveText(rank, other);
  const Arrow = typeof other === "number" && other > rank ? ArrowUp : ArrowDown;
  return (
    <li
      class={moved ? "hit moved" : "hit"}
      style={{ "--ratio": ratio }}
    >
      <a href={captionPath(datasetId, hit.image_id)} tabIndex={-1} aria-hidden="true">
        <img src={hit.thumb_url} alt={name} loading="lazy" />
      </a>
      <span class="rank" aria-hidden="true">
        {rank}
        {moved && <span class="from" title={moved}>{typeof other === "number" ? <><Arrow size={10} />{other}</> : "new"}</span>}
      </span>
      <div class="over">
        <p title={name}>{name}</p>
        <span class="num">score {hit.score.toFixed(3)}{moved && `, ${moved}`}</span>
        <span class="row">
          <a href={searchPath(datasetId, { like: hit.image_id, model })}>More like this</a>
          <a href={captionPath(datasetId, hit.image_id)}>Edit caption</a>
        </span>
      </div>
    </li>
  );
}

interface HitsProps {
  hits: Hit[];
  datasetId: string;
  model: string;
  compareWith?: Hit[] | undefined;
}

/** Images found, in rows of one height; no picture is cut or stretched. */
export function Hits({ hits, datasetId, model, compareWith }: HitsProps) {
  const ranks = compareWith && new Map(compareWith.map((hit, index) => [hit.image_id, index + 1]));
  return (
    <ol class="hits" aria-label="Images found">
      {hits.map((hit, index) => (
        <HitView
          key={hit.image_id}
          hit={hit}
          rank={index + 1}
          datasetId={datasetId}
          model={model}
          other={ranks ? (ranks.get(hit.image_id) ?? null) : undefined}
        />
      ))}
    </ol>
  );
}
