/** What is said of an image in the grid. Pure. */
import type { ImageItem } from "../../api/types";
import type { Tone } from "../../text/words";

export interface Mark {
  kind: "saving" | "conflict" | "captioned" | "todo" | "reviewed" | "flagged" | "open";
  tone: Tone;
  word: string;
}

interface Around {
  /** What the outbox says of a caption typed here. */
  sending: "saving" | "conflict" | "refused" | undefined;
  /** Who else has it open. */
  openAt: string | undefined;
}

function textMark(item: ImageItem, caption: string | null, sending: Around["sending"]): Mark {
  if (sending === "saving") return { kind: "saving", tone: "running", word: "saving" };
  if (sending) return { kind: "conflict", tone: "failed", word: sending === "conflict" ? "conflict: choose a text" : "not saved" };
  if (caption === null) return { kind: "todo", tone: "idle", word: "to do" };
  if (item.reviewed_by) return { kind: "reviewed", tone: "done", word: `reviewed by ${item.reviewed_by}` };
  return { kind: "captioned", tone: "done", word: item.captioned_by ? `captioned by ${item.captioned_by}` : "captioned" };
}

/** The marks of an image, the most important first. */
export function marksOf(item: ImageItem, caption: string | null, { sending, openAt }: Around): Mark[] {
  const marks = [textMark(item, caption, sending)];
  if (item.flagged_by) {
    marks.push({ kind: "flagged", tone: "waiting", word: `flagged by ${item.flagged_by}${item.flag_note ? `: ${item.flag_note}` : ""}` });
  }
  if (openAt) marks.push({ kind: "open", tone: "running", word: `open at ${openAt}` });
  return marks;
}

/** The marks as one phrase, for titles and screen readers. */
export const markWords = (marks: readonly Mark[]): string => marks.map((mark) => mark.word).join(", ");
