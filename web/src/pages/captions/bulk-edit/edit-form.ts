/** The form of an edit of many captions: what is asked for, and in which words. Pure. */
import type { EditMode, EditRequest } from "../../../api/captions";
import { count, countOf } from "../../../text/format";
import { filterWords, type ImageFilter } from "../../../text/images/image-filter";

export interface EditForm {
  mode: EditMode;
  find: string;
  text: string;
  match_case: boolean;
  whole_words: boolean;
  regex: boolean;
}

export const BLANK_EDIT: EditForm = { mode: "replace", find: "", text: "", match_case: false, whole_words: true, regex: false };

export const MODES: { value: EditMode; label: string }[] = [
  { value: "replace", label: "Replace" },
  { value: "prepend", label: "Add before" },
  { value: "append", label: "Add after" },
  { value: "set", label: "Set" },
  { value: "clear", label: "Clear" },
];

/** The images an edit is for: chosen ones, or all that fit the filter. */
export interface Scope {
  filter: ImageFilter;
  chosen: number[] | null;
  count: number;
}

/** "24 chosen images", "all 812 images that are captioned, by Ada", "all 1,240 images". */
export function scopeWords({ filter, chosen, count: many }: Scope): string {
  if (chosen) return countOf(chosen.length, "chosen image");
  const words = filterWords(filter);
  return `all ${countOf(many, "image")}${words ? ` shown (${words})` : ""}`;
}

/** A filter as a request carries it: ids as one text, as in an address. */
function sentFilter({ ids, ...rest }: ImageFilter): NonNullable<EditRequest["filter"]> {
  return ids === undefined ? rest : { ...rest, ids: ids.join(",") };
}

/** What is asked of the API; null while the form is not complete. */
export function editRequest(form: EditForm, { filter, chosen }: Scope): EditRequest | null {
  const where = chosen ? { filter: {}, image_ids: chosen } : { filter: sentFilter(filter) };
  const { mode, find, text, match_case, whole_words, regex } = form;
  if (mode === "clear") return { mode, ...where };
  if (mode !== "replace") return text.trim() === "" ? null : { mode, text, ...where };
  return find === "" ? null : { mode, find, text, match_case, whole_words, regex, ...where };
}

/** What the preview found, in one sentence. */
export function previewWords({ count: changed, images, unchanged }: { count: number; images: number; unchanged: number }): string {
  if (changed === 0) return "No caption changes.";
  const rest = unchanged > 0 ? ` ${count(unchanged)} stay as they are.` : "";
  const where = images === changed ? "" : ` of ${countOf(images, "image")}`;
  return `${countOf(changed, "caption")}${where} ${changed === 1 ? "changes" : "change"}.${rest}`;
}

const VERBS: Record<EditMode, string> = { replace: "Replace in", prepend: "Add to", append: "Add to", set: "Set", clear: "Clear" };

/** The button's words: "Replace in 312 captions". */
export const editVerb = (mode: EditMode, changed: number): string => `${VERBS[mode]} ${countOf(changed, "caption")}`;
