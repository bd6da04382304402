/** What is in the box: a draft, what is on its way, or what was saved. */
import type { ImageItem } from "../../../../api/images";
import { isFull } from "../../../../state/browser-storage";
import { type Draft, draftOf, dropDraft, keepDraft } from "../../../../state/captions/drafts";
import { type CaptionVersion, headOf, knownHead } from "../../../../state/captions/heads";
import { lastOf } from "../../../../state/captions/outbox";
import { outbox, saveCaption } from "../../../../state/captions/outbox-sender";
import { isVisible, oneLine, problemOf } from "../../../../text/captions/caption-rules";
import { learnWords } from "./vocabulary";

export type EditorState = "empty" | "draft" | "unkept" | "saving" | "saved" | "conflict" | "refused";

/** What became of a save: "later" while the image itself is not there yet, "emptied" when a caption would be taken away. */
export type SaveOutcome =
  | { state: "saved" | "unchanged" | "empty" | "emptied" | "later" | "conflict" }
  | { state: "problem"; problem: string };

export interface Editor {
  text: string;
  /** What is saved or on its way. */
  submitted: string;
  state: EditorState;
  /** The caption that somebody else saved since the draft was begun. */
  other: CaptionVersion | null;
  type: (text: string) => void;
  /** Puts the text into the outbox. takeAway: an emptied box takes the caption away. */
  save: (how?: { takeAway?: boolean; text?: string }) => SaveOutcome;
}

/** Which caption of which image. */
export interface CaptionPlace {
  datasetId: string;
  image: number;
  slot: number;
}

function stateOf({ image, slot }: CaptionPlace, text: string, submitted: string): EditorState {
  const entry = lastOf(outbox.value, image, slot);
  if (entry && entry.state !== "saving") return entry.state;
  if (text !== submitted) return isFull.value ? "unkept" : "draft";
  if (entry) return "saving";
  return text === "" ? "empty" : "saved";
}

/** The caption that a draft does not know of; none while its own base is still on its way. */
function otherOf(draft: Draft | null, head: CaptionVersion | undefined): CaptionVersion | null {
  if (!draft || draft.after !== undefined || draft.base_revision === null || !head) return null;
  const isOther = head.revision > draft.base_revision && head.text !== oneLine(draft.text);
  return isOther ? head : null;
}

function writeDown(place: CaptionPlace, text: string, before: string, base: number, other: CaptionVersion | null, after: string | undefined): SaveOutcome {
  const problem = saveCaption({
    imageId: place.image,
    slot: place.slot,
    datasetId: place.datasetId,
    text: text === "" ? null : text,
    before: before === "" ? null : before,
    baseRevision: base,
    after,
    meets: other ?? undefined,
  });
  if (problem !== null) return { state: "problem", problem };
  dropDraft(place.image, place.slot);
  learnWords(place.datasetId, text);
  return { state: other ? "conflict" : "saved" };
}

export function useEditor(place: CaptionPlace, item: ImageItem | undefined): Editor {
  const { image, slot } = place;
  const draft = draftOf(image, slot);
  const last = lastOf(outbox.value, image, slot);
  const head = item ? headOf(item, slot) : knownHead(image, slot);
  const submitted = (last ? last.text : head?.text) ?? "";
  const text = draft?.text ?? submitted;
  const base = draft?.base_revision ?? head?.revision ?? null;
  const after = draft ? draft.after : last?.client_id;
  const other = otherOf(draft, head);
  return {
    text,
    submitted,
    other,
    state: stateOf(place, text, submitted),
    type: (next) => {
      if (next === submitted && !other) return dropDraft(image, slot);
      keepDraft(image, slot, { text: next, base_revision: base, ...(after === undefined ? {} : { after }) });
    },
    save: ({ takeAway = false, text: given = text } = {}) => {
      const line = oneLine(given);
      const problem = problemOf(line);
      if (problem) return { state: "problem", problem };
      const isEmpty = !isVisible(line);
      if (isEmpty && submitted === "") return { state: "empty" };
      if (isEmpty && !takeAway) return { state: "emptied" };
      if (base === null) return { state: "later" };
      if (line === submitted && !other) {
        dropDraft(image, slot);
        return { state: "unchanged" };
      }
      return writeDown(place, isEmpty ? "" : line, submitted, base, other, after);
    },
  };
}
