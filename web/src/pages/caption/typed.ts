/** What is in the box: a draft, what is on its way, or what was saved. */
import { useState } from "preact/hooks";
import type { ImageItem } from "../../api/types";
import { announce } from "../../design/toast";
import { type Draft, dropDraft, loadDraft, storeDraft } from "../../state/outbox";
import { knownCaption, knownRevision, outbox, saveCaption } from "../../state/saving";

export type TypedState = "empty" | "draft" | "saving" | "saved" | "conflict";

export interface Typed {
  text: string;
  state: TypedState;
  filename: string;
  type: (text: string) => void;
  /** Puts the text into the outbox; "later" while the image itself is not there yet. */
  save: () => "saved" | "empty" | "later";
}

function stateOf(image: number, text: string, kept: string): TypedState {
  const entry = outbox.value.find((one) => one.image_id === image);
  if (entry) return entry.state === "saving" ? "saving" : "conflict";
  if (text !== kept) return "draft";
  return text === "" ? "empty" : "saved";
}

/** One line, spaces at the ends gone: what a caption may be. */
export function oneLine(text: string): string {
  return text.normalize("NFC").replace(/\s+/gu, " ").trim();
}

export function useTyped(datasetId: string, image: number, item: ImageItem | undefined): Typed {
  const [draft, setDraft] = useState<{ image: number; value: Draft | null }>({ image, value: loadDraft(localStorage, image) });
  const value = draft.image === image ? draft.value : loadDraft(localStorage, image);
  const kept = knownCaption(image) ?? item?.caption ?? "";
  const text = value?.text ?? kept;
  const current = item && Math.max(knownRevision(image) ?? 0, item.revision);
  const base = value?.base_revision ?? current ?? null;
  const forget = () => {
    dropDraft(localStorage, image);
    setDraft({ image, value: null });
  };
  return {
    text,
    state: stateOf(image, text, kept),
    filename: item?.filename ?? "",
    type: (next) => {
      if (oneLine(next) === kept) return next === kept ? forget() : setDraft({ image, value: { text: next, base_revision: base } });
      const typed = { text: next, base_revision: base };
      storeDraft(localStorage, image, typed);
      setDraft({ image, value: typed });
    },
    save: () => {
      const line = oneLine(text);
      if (line === "") {
        announce("Type a caption first, or press Page Down for the next image.");
        return "empty";
      }
      if (base === null) return "later";
      if (line !== kept) saveCaption({ imageId: image, datasetId, text: line, baseRevision: base });
      forget();
      return "saved";
    },
  };
}
