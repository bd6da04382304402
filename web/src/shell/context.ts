/** The dataset whose places are at hand: the address's, a run's, else the one that was open last. */
import { computed, signal } from "@preact/signals";
import { route } from "../routing/router";
import { datasetOf } from "../routing/routes";
import { jobById } from "../state/jobs/live-jobs";

const last = signal<string | null>(null);

export const contextDataset = computed<string | null>(() => {
  const now = route.value;
  if (now.page === "datasets") return null;
  if (now.page === "run") return jobById(now.job)?.dataset_id ?? last.value;
  return datasetOf(now) ?? last.value;
});

/** Keeps the dataset in mind for pages of no dataset. */
export function rememberDataset(id: string | null): void {
  if (id !== null) last.value = id;
}
