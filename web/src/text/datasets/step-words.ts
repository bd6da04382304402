/** The words for the steps of a dataset. Pure. */
import type { StepKey, StepState } from "../../api/datasets";
import type { StateWord } from "../tone";

const STEP_WORDS: Record<StepState, StateWord> = {
  empty: { tone: "idle", word: "Not yet" },
  ready: { tone: "waiting", word: "Ready" },
  running: { tone: "running", word: "Running" },
  done: { tone: "done", word: "Done" },
  stale: { tone: "waiting", word: "Out of date" },
  failed: { tone: "failed", word: "Failed" },
};

export const stepWord = (state: StepState): StateWord => STEP_WORDS[state] ?? { tone: "idle", word: state };

export const STEP_TITLES: Record<StepKey, string> = {
  images: "Images",
  captioned: "Captioned",
  split: "Split",
  augment: "Augmented",
  train: "Trained",
  index: "Indexed",
  search: "Search",
};
