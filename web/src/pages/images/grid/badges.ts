/** What is said of an image in the grid. Pure. */
import type { ImageItem } from "../../../api/images";
import type { Tone } from "../../../text/tone";

export interface Badge {
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

function textMark(item: ImageItem, caption: string | null, sending: Around["sending"]): Badge {
  if (sending === "saving") return { kind: "saving", tone: "running", word: "saving" };
  if (sending) return { kind: "conflict", tone: "failed", word: sending === "conflict" ? "conflict: choose a text" : "not saved" };
  if (caption === null) return { kind: "todo", tone: "idle", word: "to do" };
  if (item.reviewed_by) return { kind: "reviewed", tone: "done", word: `reviewed by ${item.reviewed_by}` };
  return { kind: "captioned", tone: "done", word: item.captioned_by ? `captioned by ${item.captioned_by}` : "captioned" };
}

/** The marks of an image, the most important first. */
export function badgesOf(item: ImageItem, caption: string | null, { sending, openAt }: Around): Badge[] {
  const badges = [textMark(item, caption, sending)];
  if (item.flagged_by) {
    badges.push({ kind: "flagged", tone: "waiting", word: `flagged by ${item.flagged_by}${item.flag_note ? `: ${item.flag_note}` : ""}` });
  }
  if (openAt) badges.push({ kind: "open", tone: "running", word: `open at ${openAt}` });
  return badges;
}

/** The marks as one phrase, for titles and screen readers. */
export const badgeWords = (badges: readonly Badge[]): string => badges.map((badge) => badge.word).join(", ");
