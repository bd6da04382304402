/** How the backups of the service stand, in words. Pure. */
import type { System } from "../api/ops";
import { ago, bytes, countOf, millisOf } from "./format";
import type { StateWord } from "./tone";

export type Backups = NonNullable<System["backup"]>;
type Run = NonNullable<Backups["last"]>;
type Whole = NonNullable<Backups["whole"]>;

const OLD_MS = 2 * 86_400_000; // as the alert rule has it

/** What is wrong with it, of the one that was begun last, else of the one that began by itself last. */
export function failureOf({ last, scheduled }: Backups): Run | null {
  return [last, scheduled].find((run) => run?.state === "failed") ?? null;
}

/** In one word: what an administrator should not miss comes first. */
export function backupWord(backups: Backups, now_ms: number = Date.now()): StateWord {
  const { last, whole } = backups;
  if (last?.state === "running") return { tone: "running", word: "Under way" };
  if (failureOf(backups)) return { tone: "failed", word: "Failed" };
  if (!whole) return { tone: "failed", word: "Never made" };
  if (whole.wrong > 0 || whole.damaged > 0 || whole.missing > 0) return { tone: "failed", word: "Files missing or damaged" };
  if (now_ms - millisOf(whole.finished_at) > OLD_MS) return { tone: "waiting", word: "Old" };
  return { tone: "done", word: "Made" };
}

/** What it holds: "12,300 files, 1.4 GB, 30,001 rows". */
export const heldText = (whole: Pick<Whole, "files" | "size_bytes" | "rows">): string =>
  `${countOf(whole.files, "file")}, ${bytes(whole.size_bytes)}, ${countOf(whole.rows, "row")}`;

/** Whether somebody has read it over, and what that showed. */
export function verifiedText(whole: Pick<Whole, "verified_at" | "wrong">, now_ms: number = Date.now()): string {
  if (!whole.verified_at) return "Not yet. clip-browser backup verify OUT reads it over.";
  const when = ago(whole.verified_at, now_ms);
  if (whole.wrong === 0) return `${when}: all as it was written.`;
  return `${when}: ${countOf(whole.wrong, "file is", "files are")} missing or damaged there. Begin a new backup in another place.`;
}

/** What the store had lost when it was made; empty where that is nothing. */
export function lostText({ missing, damaged }: Pick<Whole, "missing" | "damaged">): string {
  const told = [missing > 0 && `${countOf(missing, "file")} missing`, damaged > 0 && `${countOf(damaged, "image")} damaged`].filter(Boolean);
  return told.length === 0 ? "" : `In the store itself: ${told.join(", ")}. clip-browser backup list OUT and clip-browser doctor name them.`;
}
