import { ChartScatter } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { imageThumb } from "../../../api/images";
import { startJob } from "../../../api/jobs";
import { type DatasetMap, getMap } from "../../../api/search";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Select } from "../../../design/field";
import { PageHead } from "../../../design/page-head";
import { EmptyState, ErrorState, Skeleton } from "../../../design/states";
import { go, params } from "../../../routing/router";
import { captionPath, datasetPath } from "../../../routing/routes";
import { rememberDatasetName } from "../../../state/datasets/dataset-names";
import { datasetVersion, useDataset } from "../../../state/datasets/live-datasets";
import { useLastJob } from "../../../state/jobs/last-job";
import { acceptJob, activeJobs } from "../../../state/jobs/live-jobs";
import { whyICannot } from "../../../state/people/roles";
import { useAction, useResource } from "../../../state/resource";
import { theme } from "../../../state/theme";
import { useTitle } from "../../../state/title";
import { count, countOf } from "../../../text/format";
import { JobWatch } from "../../jobs/controls/job-watch";
import { useModelChoice } from "../use-search";
import { clusterColour, fittingLabels } from "./points";
import { drawScatter, type Scatter } from "./scatter";
import "./map.css";

interface Hovered {
  index: number;
  at: [number, number];
}

function useScatter(datasetId: string, map: DatasetMap) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const scatter = useRef<Scatter | null>(null);
  const [hovered, setHovered] = useState<Hovered | null>(null);
  const [labels, setLabels] = useState<ReadonlyMap<number, [number, number]>>(new Map());
  const look = theme.value;
  useEffect(() => {
    if (!canvas.current) return undefined;
    const made = drawScatter(canvas.current, map, {
      onOver: (index) => {
        const at = index === null ? null : (scatter.current?.place(index) ?? null);
        setHovered(index === null || !at ? null : { index, at });
      },
      onOpen: (index) => {
        const image = map.points[index]?.[3];
        if (image !== undefined) go(captionPath(datasetId, image));
      },
      onView: setLabels,
    });
    scatter.current = made;
    return () => made.destroy();
  }, [map, look]);
  return { canvas, scatter, hovered, labels };
}

function Thumb({ image, at }: { image: number; at: [number, number] }) {
  return (
    <div class="map-thumb" style={{ left: `${at[0] + 12}px`, top: `${at[1] + 12}px` }}>
      <img src={imageThumb(image)} alt="" />
    </div>
  );
}

function MapView({ datasetId, map }: { datasetId: string; map: DatasetMap }) {
  const { canvas, scatter, hovered, labels } = useScatter(datasetId, map);
  const [zoomed, setZoomed] = useState<number | null>(null);
  const zoom = (id: number | null) => {
    setZoomed(id);
    scatter.current?.zoomTo(id);
  };
  const shown = fittingLabels(map.clusters, labels);
  const hoveredImage = hovered ? map.points[hovered.index]?.[3] : undefined;
  return (
    <div class="map-area">
      <div class="map-stage" role="img" aria-label={`Map of ${countOf(map.points.length, "image")} in ${countOf(map.clusters.length, "cluster")}`}>
        <canvas ref={canvas} />
        {map.clusters.map((cluster) => {
          const at = labels.get(cluster.id);
          return at && shown.has(cluster.id) && <span class="map-label" key={cluster.id} style={{ translate: `calc(${at[0]}px - 50%) calc(${at[1]}px - 50%)` }}>{cluster.label}</span>;
        })}
        {hovered && hoveredImage !== undefined && <Thumb image={hoveredImage} at={hovered.at} />}
      </div>
      <nav class="clusters" aria-label="Clusters">
        <button type="button" aria-pressed={zoomed === null} onClick={() => zoom(null)}>
          <span class="name">All</span><span class="muted num">{count(map.points.length)}</span>
        </button>
        {map.clusters.map((cluster) => (
          <button type="button" key={cluster.id} aria-pressed={zoomed === cluster.id} onClick={() => zoom(cluster.id)}>
            <i style={{ background: clusterColour(cluster.id) }} aria-hidden="true" />
            <span class="name clip">{cluster.label}</span>
            <span class="muted num">{count(cluster.size)}</span>
          </button>
        ))}
      </nav>
    </div>
  );
}

function BuildMap({ datasetId, model, hasMap }: { datasetId: string; model: string; hasMap: boolean }) {
  const build = useAction(async () => void acceptJob(await startJob(datasetId, "map", { model })));
  const cannot = whyICannot(datasetId, "manager");
  const running = activeJobs.value.find((job) => job.kind === "map" && job.dataset_id === datasetId);
  const last = useLastJob(datasetId, "map").job;
  const problem = build.error && <ErrorState problem={build.error} datasetId={datasetId} onRetry={() => build.run()} />;
  if (running) return <Card title="Building the map"><JobWatch id={running.id} /></Card>;
  if (hasMap) return problem || null;
  return (
    <EmptyState icon={ChartScatter} title="No map yet" text="A map lays out the images so that those the model sees as alike lie close together, and names the groups.">
      <Button kind="primary" icon={ChartScatter} busy={build.busy} disabled={model === "" || cannot !== ""} title={cannot || undefined} onClick={() => build.run()}>Build map</Button>
      {problem}
      {last?.state === "failed" && <JobWatch id={last.id} />}
    </EmptyState>
  );
}

function Body({ datasetId, model, isReady }: { datasetId: string; model: string; isReady: boolean }) {
  const map = useResource((stop) => getMap(datasetId, model, stop), [datasetId, model || null], `${datasetVersion(datasetId)} ${activeJobs.value.filter((job) => job.kind === "map").length}`);
  const isMissing = map.error?.status === 404 || map.error?.code === "no_index" || model === "";
  if (map.data && map.data.points.length > 0) return <MapView datasetId={datasetId} map={map.data} />;
  if (!isReady || (map.loading && !map.error)) return <Skeleton heights={[420]} />;
  if (map.error && !isMissing) return <ErrorState problem={map.error} datasetId={datasetId} onRetry={map.reload} />;
  return <BuildMap datasetId={datasetId} model={model} hasMap={false} />;
}

/** All images as points: alike ones close together. */
export function MapPage({ id }: { id: string }) {
  const dataset = useDataset(id);
  if (dataset.data) rememberDatasetName(id, dataset.data.name);
  useTitle("Map", dataset.data?.name);
  const choice = useModelChoice(id, params.value.get("model"), dataset.data?.model_id ?? null);
  const rebuild = useAction(async () => void acceptJob(await startJob(id, "map", { model: choice.model })));
  const cannot = whyICannot(id, "manager");
  const isBuilding = activeJobs.value.some((job) => job.kind === "map" && job.dataset_id === id);
  return (
    <>
      <PageHead title="Map" text="Point at a dot to see its image, click to open it.">
        <Select hideLabel label="Model" value={choice.model} options={choice.options} onChange={(model) => go(`${datasetPath(id, "map")}?model=${encodeURIComponent(model)}`)} />
        <Button busy={rebuild.busy} disabled={choice.model === "" || isBuilding || cannot !== ""} title={cannot || undefined} onClick={() => rebuild.run()}>Build map anew</Button>
      </PageHead>
      <div class="stack">
        {rebuild.error && <ErrorState problem={rebuild.error} datasetId={id} onRetry={() => rebuild.run()} />}
        <Body datasetId={id} model={choice.model} isReady={choice.indexes.data !== undefined && choice.options.length > 0} />
        {isBuilding && <BuildMap datasetId={id} model={choice.model} hasMap />}
      </div>
    </>
  );
}
