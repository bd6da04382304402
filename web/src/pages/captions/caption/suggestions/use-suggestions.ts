/** Suggested captions of an image: fetched beside the way, never filled in by themselves. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { dismissSuggestion, getSuggestions, type Suggestion } from "../../../../api/captions";
import { oneLine } from "../../../../text/captions/caption-rules";

const SHOWN = 5;
const REMEMBERED = 60;
const known = signal<ReadonlyMap<number, Suggestion[]>>(new Map());
/** Datasets that ever had one: there the row keeps its place, so that nothing moves. */
const withRow = signal<ReadonlySet<string>>(new Set());
const asked = new Set<number>();

function note(image: number, items: Suggestion[]): void {
  known.value = new Map([...known.value].slice(-REMEMBERED)).set(image, items);
}

async function ask(datasetId: string, image: number): Promise<void> {
  if (asked.has(image)) return;
  asked.add(image);
  try {
    const { items } = await getSuggestions(image, SHOWN);
    note(image, items.slice(0, SHOWN));
    if (items.length > 0 && !withRow.value.has(datasetId)) withRow.value = new Set(withRow.value).add(datasetId);
  } catch {
    asked.delete(image);
  }
}

/** The suggestions for the open image but for the text it has; those of the next one are fetched, too. */
export function useSuggestions(datasetId: string, image: number, next: number | null, text: string): Suggestion[] {
  useEffect(() => {
    void ask(datasetId, image).then(() => (next === null ? undefined : ask(datasetId, next)));
  }, [datasetId, image, next]);
  return (known.value.get(image) ?? []).filter((one) => one.text !== oneLine(text));
}

export const hasRow = (datasetId: string): boolean => withRow.value.has(datasetId);

/** Takes a suggestion away, for everybody. */
export function dismiss(image: number, text: string): void {
  note(image, (known.value.get(image) ?? []).filter((one) => one.text !== text));
  void dismissSuggestion(image, text).catch(() => undefined);
}
