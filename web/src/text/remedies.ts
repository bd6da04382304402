/** What a person can do about an error with one click. Pure. */
import type { Problem } from "../api/http";
import { datasetPath } from "../routing/routes";

export type Remedy =
  | { label: string; href: string }
  | { label: string; act: "retry" | "synonyms" | "other-settings" | "sign-in" };

const PLACES: Record<string, { label: string; place: "caption" | "prepare" | "train" | "search" }> = {
  no_captions: { label: "Caption images", place: "caption" },
  no_split: { label: "Split captions", place: "prepare" },
  no_index: { label: "Build index", place: "search" },
};

/** The one action that fits an error; "Try again" when nothing fits better. */
export function remedyFor(problem: Pick<Problem, "code">, datasetId?: string | null): Remedy {
  const place = PLACES[problem.code];
  if (place && datasetId) return { label: place.label, href: datasetPath(datasetId, place.place) };
  switch (problem.code) {
    case "llm_failed":
      return { label: "Use synonyms instead", act: "synonyms" };
    case "gpu_out_of_memory":
      return { label: "Change the settings", act: "other-settings" };
    case "unauthorized":
      return { label: "Sign in", act: "sign-in" };
    case "not_found":
      return { label: "Go to datasets", href: "/" };
    default:
      return { label: "Try again", act: "retry" };
  }
}
