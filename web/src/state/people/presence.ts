/** Who else is here, and where I am. */
import { computed, effect, signal } from "@preact/signals";
import type { Dataset } from "../../api/datasets";
import type { Presence } from "../../api/events";
import { connection, enterRoom, tellPresence } from "../../api/socket";
import { route } from "../../routing/router";
import { datasetOf } from "../../routing/routes";
import { acceptDataset } from "../datasets/live-datasets";

const HEARTBEAT_MS = 20_000;
const here = signal<ReadonlyMap<string, Presence["users"]>>(new Map());

export function onPresence(event: Presence): void {
  here.value = new Map(here.value).set(event.dataset_id, event.users);
}

/** The snapshot of a dataset's room tells how the dataset is, and who is in it. */
export function onDatasetSnapshot(room: string, snapshot: unknown): void {
  const { dataset, users } = (snapshot ?? {}) as { dataset?: Dataset; users?: Presence["users"] };
  const id = room.slice("dataset:".length);
  if (dataset) acceptDataset(id, dataset);
  if (users) onPresence({ dataset_id: id, users });
}

/** The people in a dataset, each once. */
export function peopleIn(datasetId: string): Presence["users"] {
  const seen = new Map((here.value.get(datasetId) ?? []).map((user) => [user.name, user]));
  return [...seen.values()];
}

/** The names of those who have an image open, in any of their tabs. */
export function peopleAt(datasetId: string, image: number): string[] {
  const there = (here.value.get(datasetId) ?? []).filter((user) => user.image_id === image);
  return [...new Set(there.map((user) => user.name))];
}

function tell(): void {
  const now = route.value;
  tellPresence(datasetOf(now), now.page === "caption" ? now.image : null);
}

/** Tells the server where I am: at each change of place, each connection, and every 20 s. */
export function startPresence(): void {
  const dataset = computed(() => datasetOf(route.value));
  effect(() => (dataset.value === null ? undefined : enterRoom(`dataset:${dataset.value}`)));
  effect(() => {
    if (connection.value === "online") tell();
  });
  window.setInterval(() => document.hidden || tell(), HEARTBEAT_MS);
}
