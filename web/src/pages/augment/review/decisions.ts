/** What deciding on variants does to what is shown: groups, moves, counts, ways back. Pure. */
import type { Variant, VariantChange, VariantFilter, VariantState } from "../../../api/augment";

/** A caption with the variants of it that are shown. */
export interface Group {
  key: string;
  source: Variant;
  variants: Variant[];
}

/** Variants that follow each other and say the same caption again, together. */
export function groupsOf(variants: readonly Variant[]): Group[] {
  const groups: Group[] = [];
  for (const variant of variants) {
    const key = `${variant.image_id}.${variant.slot}`;
    const last = groups.at(-1);
    if (last?.key === key) last.variants.push(variant);
    else groups.push({ key, source: variant, variants: [variant] });
  }
  return groups;
}

/** The variant that lies `by` steps from another one, staying within the list. */
export function movedTo(variants: readonly Variant[], active: number | null, by: number): number | null {
  const at = variants.findIndex((variant) => variant.id === active);
  const to = at < 0 ? 0 : Math.min(variants.length - 1, Math.max(0, at + by));
  return variants[to]?.id ?? null;
}

/** The next variant on which nobody has decided, behind the active one; else just the next. */
export function nextOpen(variants: readonly Variant[], active: number): number | null {
  const at = variants.findIndex((variant) => variant.id === active);
  const open = variants.slice(at + 1).find((variant) => variant.state === "proposed");
  return open?.id ?? movedTo(variants, active, 1);
}

export type Counts = Record<VariantState, number>;

/** The counts after one variant went from a state to another. */
export function recounted(counts: Counts, from: VariantState, to: VariantState): Counts {
  if (from === to) return counts;
  return { ...counts, [from]: Math.max(0, counts[from] - 1), [to]: counts[to] + 1 };
}

/** The changes that bring a variant back to what it was. */
export function undoChanges(before: Pick<Variant, "state" | "text">): VariantChange[] {
  if (before.state === "proposed") return [{ state: "proposed" }];
  const text: VariantChange[] = [{ text: before.text }];
  return before.state === "rejected" ? [...text, { state: "rejected" }] : text;
}

export type Act = "accept" | "reject" | "edit" | "next" | "previous" | "undo";

const KEYS: Record<string, Act> = { a: "accept", r: "reject", e: "edit", j: "next", k: "previous", u: "undo" };

/** What a key means; null while something is typed, or with Ctrl, Alt or Cmd. */
export function actOf(event: { key: string; ctrlKey: boolean; altKey: boolean; metaKey: boolean; isComposing: boolean }, isTyping: boolean): Act | null {
  if (isTyping || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return null;
  return KEYS[event.key.toLowerCase()] ?? null;
}

const STATES: readonly VariantState[] = ["proposed", "accepted", "edited", "rejected"];

/** The filter of an address. Without a state, those to review; `all`: every state. */
export function parseReview(params: URLSearchParams): VariantFilter {
  const asked = params.get("state");
  const state = asked === "all" ? undefined : (STATES.find((one) => one === asked) ?? "proposed");
  const q = params.get("q")?.slice(0, 200);
  return { ...(state ? { state } : {}), ...(q ? { q } : {}), ...(params.get("doubted") === "true" ? { doubted: true } : {}) };
}

/** The address of a filter: `?state=rejected&q=cat`; empty for all that is to review. */
export function reviewQuery({ state, q, doubted }: VariantFilter): string {
  const pairs: [string, string][] = [];
  if (state !== "proposed") pairs.push(["state", state ?? "all"]);
  if (q) pairs.push(["q", q]);
  if (doubted) pairs.push(["doubted", "true"]);
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs).toString()}`;
}

/** A score as it is read: two digits, a real minus. */
export const scoreText = (score: number): string => score.toFixed(2).replace("-", "\u2212");
