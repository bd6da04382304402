/** Where the cells of the grid are, and where a key leads. Pure. */

export type Size = "small" | "medium" | "large";

interface CellSize {
  /** The least width of a cell. */
  width_px: number;
  /** What stands below the picture: two or three lines of caption. */
  below_px: number;
}

export const GAP_PX = 8;
const SIZES: Record<Size, CellSize> = {
  small: { width_px: 92, below_px: 0 },
  medium: { width_px: 164, below_px: 50 },
  large: { width_px: 252, below_px: 68 },
};

export interface Layout {
  columns: number;
  rows: number;
  cell_px: number;
  below_px: number;
  /** From one row's top to the next one's. */
  row_px: number;
}

/** Cells of the same width that fill `width_px`. */
export function layoutOf(count: number, width_px: number, size: Size): Layout {
  const { width_px: least, below_px } = SIZES[size];
  const columns = Math.max(2, Math.floor((width_px + GAP_PX) / (least + GAP_PX)));
  const cell_px = Math.floor((width_px - (columns - 1) * GAP_PX) / columns);
  return { columns, rows: Math.ceil(count / columns), cell_px, below_px, row_px: cell_px + below_px + GAP_PX };
}

/** The rows to draw: those in sight, and some before and behind. `top_px`: how far the grid is scrolled away. */
export function rowsInSight(layout: Layout, top_px: number, height_px: number, more = 3): [from: number, to: number] {
  const from = Math.floor(top_px / layout.row_px) - more;
  const to = Math.ceil((top_px + height_px) / layout.row_px) + more;
  return [Math.min(Math.max(0, from), layout.rows), Math.min(layout.rows, Math.max(0, to))];
}

interface Move {
  key: string;
  /** Ctrl or Cmd: to the very first or last image. */
  ctrl: boolean;
}

/** The place a key leads to from `at`; null for a key that does not move. */
export function placeAfterKey(at: number, { key, ctrl }: Move, count: number, columns: number, pageRows: number): number | null {
  const last = count - 1;
  const within = (to: number) => (to < 0 || to > last ? null : to);
  const inColumn = (rows: number) => {
    const to = at + rows * columns;
    return to < 0 ? at % columns : to > last ? last : to;
  };
  switch (key) {
    case "ArrowLeft":
      return within(at - 1) ?? at;
    case "ArrowRight":
      return within(at + 1) ?? at;
    case "ArrowUp":
      return within(at - columns) ?? at;
    case "ArrowDown":
      return within(at + columns) ?? (Math.floor(last / columns) > Math.floor(at / columns) ? last : at);
    case "PageUp":
      return inColumn(-pageRows);
    case "PageDown":
      return inColumn(pageRows);
    case "Home":
      return ctrl ? 0 : at - (at % columns);
    case "End":
      return ctrl ? last : Math.min(last, at - (at % columns) + columns - 1);
    default:
      return null;
  }
}
