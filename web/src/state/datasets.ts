/** Datasets as signals: fetched once, fetched again when the server says that they changed. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { getDataset } from "../api/calls";
import { connection, enterRoom } from "../api/socket";
import type { Dataset } from "../api/types";
import { type Resource, useResource } from "./resource";

const versions = signal<ReadonlyMap<string, number>>(new Map());
const due = new Map<string, number>();

/** Says that a dataset changed; many in a row count once. */
export function touchDataset(id: string): void {
  if (due.has(id)) return;
  const timer = window.setTimeout(() => {
    due.delete(id);
    versions.value = new Map(versions.value).set(id, (versions.value.get(id) ?? 0) + 1);
  }, 300);
  due.set(id, timer);
}

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
    const timer = window.setInterval(reload, isOnline ? 20_000 : 3000);
    return () => clearInterval(timer);
  }, [id, isOnline]);
  return dataset;
}
