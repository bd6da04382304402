/** Addresses of the dashboard: text to route and back. Pure. */

export type Route =
  | { page: "datasets" }
  | { page: "overview" | "images" | "prepare" | "review-variants" | "train" | "search" | "map" | "people"; dataset: string }
  | { page: "caption"; dataset: string; image: number | null }
  | { page: "run"; job: string }
  | { page: "compare" | "models" | "jobs" | "workers" | "settings" | "everybody" | "signin" | "nowhere" };

const PLACES = ["images", "prepare", "review-variants", "train", "search", "map", "people"] as const;
const TOP = ["compare", "models", "jobs", "workers", "settings", "signin"] as const;

function isOneOf<T extends string>(names: readonly T[], name: string | undefined): name is T {
  return name !== undefined && (names as readonly string[]).includes(name);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function parseDatasetRoute(dataset: string, rest: string[]): Route {
  const [place, image, ...more] = rest;
  if (place === undefined) return { page: "overview", dataset };
  if (place === "caption" && more.length === 0) {
    if (image === undefined) return { page: "caption", dataset, image: null };
    return /^\d+$/.test(image) ? { page: "caption", dataset, image: Number(image) } : { page: "nowhere" };
  }
  return isOneOf(PLACES, place) && image === undefined ? { page: place, dataset } : { page: "nowhere" };
}

/** The route of a path such as `/d/birds/caption/12`. */
export function parseRoute(path: string): Route {
  const [first, second, ...rest] = path.split("/").filter(Boolean).map(decoded);
  if (first === undefined) return { page: "datasets" };
  if (first === "d" && second !== undefined) return parseDatasetRoute(second, rest);
  if (first === "runs" && second !== undefined && rest.length === 0) return { page: "run", job: second };
  if (first === "people" && second === undefined) return { page: "everybody" };
  if (isOneOf(TOP, first) && second === undefined) return { page: first };
  return { page: "nowhere" };
}

/** The dataset a route is in, if any. */
export function datasetOf(route: Route): string | null {
  return "dataset" in route ? route.dataset : null;
}

export type Place = "images" | "caption" | "prepare" | "review-variants" | "train" | "search" | "map" | "people";

/** The address of a dataset's overview or of a place in it. */
export function datasetPath(dataset: string, place?: Place): string {
  const base = `/d/${encodeURIComponent(dataset)}`;
  return place ? `${base}/${place}` : base;
}

export function captionPath(dataset: string, image: number): string {
  return `${datasetPath(dataset, "caption")}/${image}`;
}

export function runPath(job: string): string {
  return `/runs/${encodeURIComponent(job)}`;
}

/** The training form filled with a run's settings; lr: with another learning rate. */
export function copyPath(dataset: string, job: string, lr: number | null = null): string {
  return `${datasetPath(dataset, "train")}?from=${encodeURIComponent(job)}${lr === null ? "" : `&lr=${lr}`}`;
}

/** The address of a search, with only the values that are there. */
export function searchPath(dataset: string, values: Record<string, string | number | null | undefined>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString();
  return datasetPath(dataset, "search") + (text ? `?${text}` : "");
}

/** Where to go after signing in: an address of this dashboard, never another site. */
export function safeNext(next: string | null): string {
  if (!next || !next.startsWith("/") || next.startsWith("//") || next.startsWith("/\\")) return "/";
  return next.startsWith("/signin") ? "/" : next;
}
