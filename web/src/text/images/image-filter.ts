/** Which images are meant: a filter as it stands in an address, in a request and in words. Pure. */

export interface ImageFilter {
  status?: "captioned" | "uncaptioned";
  /** A name, or "me". */
  by?: string;
  /** A text in a caption or in the file name. */
  q?: string;
  flagged?: boolean;
  reviewed?: boolean;
  longer_than?: number;
  has?: "several" | "suggestion";
  /** These images only. */
  ids?: number[];
}

const NAMES = ["status", "by", "q", "flagged", "reviewed", "longer_than", "has", "ids"] as const;

function switchOf(text: string | null): boolean | undefined {
  return text === "true" ? true : text === "false" ? false : undefined;
}

function oneOf<T extends string>(names: readonly T[], text: string | null): T | undefined {
  return names.find((name) => name === text);
}

function numberOf(text: string | null): number | undefined {
  return text !== null && /^\d{1,5}$/.test(text) ? Math.min(10_000, Number(text)) : undefined;
}

function idsOf(text: string | null): number[] | undefined {
  return text !== null && /^\d{1,15}(,\d{1,15})*$/.test(text) ? text.split(",").map(Number) : undefined;
}

/** The filter of an address; what is not understood is left out. */
export function parseFilter(params: URLSearchParams): ImageFilter {
  const found = {
    status: oneOf(["captioned", "uncaptioned"], params.get("status")),
    by: params.get("by")?.slice(0, 80) || undefined,
    q: params.get("q")?.slice(0, 200) || undefined,
    flagged: switchOf(params.get("flagged")),
    reviewed: switchOf(params.get("reviewed")),
    longer_than: numberOf(params.get("longer_than")),
    has: oneOf(["several", "suggestion"], params.get("has")),
    ids: idsOf(params.get("ids")),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as ImageFilter;
}

/** `?status=captioned&q=a+cat`, always in the same order; empty for no filter. */
export function filterQuery(filter: ImageFilter): string {
  const pairs = NAMES.flatMap((name) => (filter[name] === undefined ? [] : [[name, String(filter[name])]]));
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs).toString()}`;
}

/** "uncaptioned, by Ada, with "cat"": a filter in a few words. */
export function filterWords(filter: ImageFilter): string {
  const words = [
    filter.status,
    filter.by && (filter.by === "me" ? "mine" : `by ${filter.by}`),
    filter.q && `with "${filter.q}"`,
    filter.flagged === undefined ? undefined : filter.flagged ? "flagged" : "not flagged",
    filter.reviewed === undefined ? undefined : filter.reviewed ? "reviewed" : "not reviewed",
    filter.longer_than === undefined ? undefined : `longer than ${filter.longer_than} tokens`,
    filter.has && { several: "several captions", suggestion: "with a suggestion" }[filter.has],
    filter.ids && `${filter.ids.length} chosen`,
  ];
  return words.filter(Boolean).join(", ");
}
