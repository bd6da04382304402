/** What changed between two captions, word by word. Pure. */

export interface Piece {
  text: string;
  kind: "same" | "gone" | "new";
}

const words = (text: string): string[] => text.match(/\s+|[\p{L}\p{N}\p{M}'’-]+|[^\s\p{L}\p{N}\p{M}]/gu) ?? [];

/** Lengths of the longest common run of words from (i, j) on. */
function commonLengths(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const row = table[i] as Uint16Array;
      const below = table[i + 1] as Uint16Array;
      row[j] = a[i] === b[j] ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0);
    }
  }
  return table;
}

function push(pieces: Piece[], text: string, kind: Piece["kind"]): void {
  const last = pieces.at(-1);
  if (last?.kind === kind) last.text += text;
  else pieces.push({ text, kind });
}

/** The pieces of both texts in order: those they share, those only `before` has, those only `after` has. */
export function differences(before: string, after: string): Piece[] {
  const a = words(before);
  const b = words(after);
  const table = commonLengths(a, b);
  const pieces: Piece[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      push(pieces, a[i] as string, "same");
      [i, j] = [i + 1, j + 1];
    } else if (i < a.length && (j >= b.length || (table[i + 1]?.[j] ?? 0) >= (table[i]?.[j + 1] ?? 0))) {
      push(pieces, a[i++] as string, "gone");
    } else {
      push(pieces, b[j++] as string, "new");
    }
  }
  return pieces;
}

/** The pieces that one side shows: its own text, with what the other side lacks marked. */
export const sideOf = (pieces: readonly Piece[], side: "before" | "after"): Piece[] =>
  pieces.filter((piece) => piece.kind !== (side === "before" ? "new" : "gone"));
