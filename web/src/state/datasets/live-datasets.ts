/** Datasets as signals: fetched once, then as the server tells them; fetched again when it does not say how they are. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type Dataset, getDataset } from "../../api/datasets";
import { connection, enterRoom } from "../../api/socket";
import { rememberRole } from "../people/roles";
import { type Resource, useResource } from "../resource";
import { createTabThrottle } from "../tab-throttle";

/** A dataset as it came with an event, and when. */
interface Told {
  dataset: Dataset;
  at_ms: number;
}

const versions = signal<ReadonlyMap<string, number>>(new Map());
const asks = signal<ReadonlyMap<string, number>>(new Map());
const bulks = signal<ReadonlyMap<string, number>>(new Map());
const told = signal<ReadonlyMap<string, Told>>(new Map());
const EVERY_MS = 2000;
const SPREAD_MS = 400;
const POLL_ONLINE_MS = 60_000;
const POLL_OFFLINE_MS = 3000;

const grown = (counts: ReadonlyMap<string, number>, id: string) => new Map(counts).set(id, (counts.get(id) ?? 0) + 1);

const lists = createTabThrottle(EVERY_MS, SPREAD_MS, (id) => (versions.value = grown(versions.value, id)));
const itself = createTabThrottle(EVERY_MS, SPREAD_MS, (id) => (asks.value = grown(asks.value, id)));

/** Says that a dataset changed; many in a row count once, and a tab nobody sees waits until it is seen. */
export function touchDataset(id: string): void {
  itself.ask(id);
  lists.ask(id);
}

/** Takes a dataset over as the server tells it; of a deleted one (null) or an untold one it is asked for. */
export function acceptDataset(id: string, dataset: Dataset | null | undefined): void {
  if (!dataset) return touchDataset(id);
  told.value = new Map(told.value).set(id, { dataset, at_ms: Date.now() });
  lists.ask(id);
}

/** Fetches a dataset; should it be told meanwhile, that is the newer. */
async function fetchDataset(id: string, stop: AbortSignal): Promise<Dataset> {
  const before = told.value.get(id);
  const found = await getDataset(id, stop);
  rememberRole(id, found.role);
  const now = told.value.get(id);
  return now && now !== before ? { ...now.dataset, role: found.role } : found;
}

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
  const dataset = useResource((stop) => fetchDataset(id, stop), [id], asks.value.get(id) ?? 0);
  const { reload, set } = dataset;
  const newest = told.value.get(id);
  const role = dataset.data?.role ?? null; // what is told to all says nobody's role
  useEffect(() => newest && set({ ...newest.dataset, role }), [newest]);
  const every_ms = connection.value === "online" ? POLL_ONLINE_MS : POLL_OFFLINE_MS;
  useEffect(() => {
    const isTold = () => Date.now() - (told.value.get(id)?.at_ms ?? 0) < every_ms;
    const timer = window.setInterval(() => document.hidden || isTold() || reload(), every_ms);
    return () => clearInterval(timer);
  }, [id, every_ms]);
  return dataset;
}
