/** Datasets as signals: fetched once, fetched again when the server says that they changed. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type Dataset, getDataset } from "../../api/datasets";
import { connection, enterRoom } from "../../api/socket";
import { type Resource, useResource } from "../resource";
import { createTabThrottle } from "../tab-throttle";

const versions = signal<ReadonlyMap<string, number>>(new Map());
const bulks = signal<ReadonlyMap<string, number>>(new Map());
const EVERY_MS = 2000;
const SPREAD_MS = 400;

const grown = (counts: ReadonlyMap<string, number>, id: string) => new Map(counts).set(id, (counts.get(id) ?? 0) + 1);

const throttle = createTabThrottle(EVERY_MS, SPREAD_MS, (id) => (versions.value = grown(versions.value, id)));

/** Says that a dataset changed; many in a row count once, and a tab nobody sees waits until it is seen. */
export const touchDataset = (id: string): void => throttle.ask(id);

/** Says that many captions of a dataset may have changed, each without an event of its own. */
export function touchCaptions(id: string): void {
  bulks.value = grown(bulks.value, id);
}

/** Grows with each change of many captions at once. */
export const captionsVersion = (id: string): number => bulks.value.get(id) ?? 0;

/** Grows with each change of a dataset: a dependency for what is fetched of it. */
export const datasetVersion = (id: string): number => versions.value.get(id) ?? 0;

/** Grows with each change of any dataset. */
export const anyDatasetVersion = (): number => [...versions.value.values()].reduce((sum, one) => sum + one, 0);

/** A dataset that stays current while the component is there. */
export function useDataset(id: string): Resource<Dataset> {
  useEffect(() => enterRoom(`dataset:${id}`), [id]);
  const dataset = useResource((stop) => getDataset(id, stop), [id], datasetVersion(id));
  const { reload } = dataset;
  const isOnline = connection.value === "online";
  useEffect(() => {
    const timer = window.setInterval(() => document.hidden || reload(), isOnline ? 20_000 : 3000);
    return () => clearInterval(timer);
  }, [id, isOnline]);
  return dataset;
}
