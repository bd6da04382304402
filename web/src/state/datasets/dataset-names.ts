/** Names of datasets seen so far, for the crumbs. */
import { signal } from "@preact/signals";

const names = signal<ReadonlyMap<string, string>>(new Map());

export function rememberDatasetName(id: string, name: string): void {
  if (names.value.get(id) !== name) names.value = new Map(names.value).set(id, name);
}

export const datasetName = (id: string): string => names.value.get(id) ?? id;
