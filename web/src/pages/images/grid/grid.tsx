import { untracked } from "@preact/signals";
import { Fragment, type JSX, type RefObject } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ImageItem } from "../../../api/images";
import { headOf } from "../../../state/captions/heads";
import { lastOf } from "../../../state/captions/outbox";
import { outbox } from "../../../state/captions/outbox-sender";
import { imageOf } from "../../../state/images/live-images";
import { peopleIn } from "../../../state/people/presence";
import { myName } from "../../../state/people/session";
import { useThrottledChanges } from "../../../state/throttled-values";
import { clicked, everything, extended, NONE, type Selection, toggled } from "../list/selection";
import { badgesOf } from "./badges";
import { Cell } from "./cell";
import { GAP_PX, type Layout, layoutOf, placeAfterKey, rowsInSight, type Size } from "./grid-layout";
import { InlineEditor, type Step } from "./inline-editor";
import "./grid.css";

const SAMPLE_MS = 150;
/** What covers the page's top: the top bar and the line of actions. */
const COVERED_PX = 118;

export interface GridProps {
  datasetId: string;
  ids: readonly number[];
  size: Size;
  selection: Selection;
  active: number | null;
  /** The image whose caption is being edited here. */
  editing: number | null;
  pathOf: (id: number) => string;
  onSelect: (selection: Selection) => void;
  onActive: (id: number) => void;
  onEdit: (id: number | null) => void;
  onOpen: (id: number) => void;
  onDelete: () => void;
  onSight: (from: number, to: number) => void;
}

interface VisibleRows {
  layout: Layout;
  from: number;
  to: number;
  /** The grid's width is measured. */
  isMeasured: boolean;
}

/** The grid's layout, and which rows of it the window shows. */
function useVisibleRows(box: RefObject<HTMLDivElement>, count: number, size: Size): VisibleRows {
  const [seen, setSeen] = useState({ width: 0, from: 0, to: 0 });
  const given = useRef({ count, size });
  given.current = { count, size };
  const look = useCallback(() => {
    const place = box.current?.getBoundingClientRect();
    if (!place) return;
    const [from, to] = rowsInSight(layoutOf(given.current.count, place.width, given.current.size), -place.top, innerHeight);
    setSeen((old) => (old.width === place.width && old.from === from && old.to === to ? old : { width: place.width, from, to }));
  }, []);
  useLayoutEffect(look, [count, size]);
  useLayoutEffect(() => {
    let frame = 0;
    const soon = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        look();
      });
    };
    const sizes = new ResizeObserver(soon);
    sizes.observe(document.body);
    if (box.current) sizes.observe(box.current);
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    return () => {
      cancelAnimationFrame(frame);
      sizes.disconnect();
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
    };
  }, []);
  return { layout: layoutOf(count, seen.width || 600, size), from: seen.from, to: seen.to, isMeasured: seen.width > 0 };
}

/** Scrolls the window just so far that a row is in sight. */
function showRow(box: HTMLElement, layout: Layout, row: number): void {
  const top = box.getBoundingClientRect().top + row * layout.row_px;
  const bottom = top + layout.row_px;
  if (top < COVERED_PX) scrollBy(0, top - COVERED_PX);
  else if (bottom > innerHeight) scrollBy(0, bottom - innerHeight);
}

interface LiveImage {
  item: ImageItem | undefined;
  caption: string | null;
  badges: ReturnType<typeof badgesOf>;
}

/** What is known of each image now. */
function useLiveImages(datasetId: string): (id: number) => LiveImage {
  useThrottledChanges(() => [imageOf(0), outbox.value, peopleIn(datasetId)], SAMPLE_MS, datasetId);
  const me = myName();
  const { entries, open } = untracked(() => ({
    entries: outbox.value,
    open: new Map(peopleIn(datasetId).filter((user) => user.name !== me).map((user) => [user.image_id, user.name])),
  }));
  return (id) =>
    untracked(() => {
      const item = imageOf(id);
      if (!item) return { item, caption: null, badges: [] };
      const entry = lastOf(entries, id, 0);
      const caption = entry ? entry.text : headOf(item, 0).text;
      return { item, caption, badges: badgesOf(item, caption, { sending: entry?.state, openAt: open.get(id) }) };
    });
}

const idOf = (target: EventTarget | null): number | null => {
  const cell = (target as Element | null)?.closest?.<HTMLElement>("[data-id]");
  return cell ? Number(cell.dataset.id) : null;
};

/** Keys of the grid; true when the key was one of them. */
function useGridKeys(props: GridProps, layout: Layout, place: ReadonlyMap<number, number>, focus: (id: number) => void) {
  const { ids, selection, active, onSelect } = props;
  const move = (event: KeyboardEvent, at: number): boolean => {
    const pageRows = Math.max(1, Math.floor((innerHeight - COVERED_PX) / layout.row_px));
    const to = placeAfterKey(at, { key: event.key, ctrl: event.ctrlKey || event.metaKey }, ids.length, layout.columns, pageRows);
    const id = to === null ? undefined : ids[to];
    if (id === undefined) return false;
    if (event.shiftKey) {
      const from = selection.anchor === null || !place.has(selection.anchor) ? { ...selection, anchor: ids[at] ?? null } : selection;
      onSelect(extended(from, id, ids));
    } else {
      onSelect({ ...selection, anchor: id }); // a range begins where the keys have led
    }
    focus(id);
    return true;
  };
  return (event: JSX.TargetedKeyboardEvent<HTMLElement>) => {
    const at = active === null ? -1 : (place.get(active) ?? -1);
    if (active === null || at < 0 || event.altKey) return;
    const ctrl = event.ctrlKey || event.metaKey;
    if (ctrl && event.key.toLowerCase() === "a") onSelect(everything(ids));
    else if (event.key === " ") onSelect(event.shiftKey ? extended(selection, active, ids) : toggled(selection, active));
    else if (event.key === "Escape" && selection.chosen.size > 0) onSelect(NONE);
    else if (event.key === "Enter" && !ctrl) props.onOpen(active);
    else if (event.key === "F2") props.onEdit(active);
    else if (event.key === "Delete" && selection.chosen.size > 0) props.onDelete();
    else if (!move(event, at)) return;
    event.preventDefault();
  };
}

/** All images as a grid, of which only what is in sight is drawn. */
export function Grid(props: GridProps) {
  const { datasetId, ids, size, selection, active, editing } = props;
  const box = useRef<HTMLDivElement>(null);
  const isFocusDue = useRef(false);
  const place = useMemo(() => new Map(ids.map((id, index) => [id, index])), [ids]);
  const { layout, from, to, isMeasured } = useVisibleRows(box, ids.length, size);
  const live = useLiveImages(datasetId);
  const activeAt = active === null ? undefined : place.get(active);
  const activeRow = activeAt === undefined ? null : Math.floor(activeAt / layout.columns);
  useEffect(() => {
    if (isMeasured && active !== null && place.has(active)) focus(active);
  }, [isMeasured]);
  useEffect(() => {
    const at = editing === null ? undefined : place.get(editing);
    if (box.current && at !== undefined) showRow(box.current, layout, Math.floor(at / layout.columns));
  }, [editing]);
  useEffect(() => props.onSight(from * layout.columns, to * layout.columns), [from, to, layout.columns]);
  const focus = (id: number) => {
    isFocusDue.current = true;
    props.onActive(id);
    const at = place.get(id);
    if (box.current && at !== undefined) showRow(box.current, layout, Math.floor(at / layout.columns));
  };
  useLayoutEffect(() => {
    if (!isFocusDue.current || editing !== null) return;
    isFocusDue.current = false;
    box.current?.querySelector<HTMLElement>(`[data-id="${active}"]`)?.focus({ preventScroll: true });
  });
  const press = useGridKeys(props, layout, place, focus);
  const click = (event: JSX.TargetedPointerEvent<HTMLElement>) => {
    const id = idOf(event.target);
    if (event.target === box.current) return props.onSelect(NONE);
    if (id === null || (event.target as Element).closest("a, button, textarea")) return;
    props.onSelect(clicked(selection, id, ids, event, event.pointerType === "touch"));
    focus(id);
  };
  const endEdit = (id: number) => (step: Step) => {
    const next = step === null ? undefined : ids[(place.get(id) ?? -1) + step];
    props.onEdit(step === 0 || next === undefined ? null : next);
    if (step !== null) focus(next ?? id);
  };
  const inSight = Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n);
  const drawn = [...new Set([...inSight, ...(activeRow === null ? [] : [activeRow])])].sort((a, b) => a - b);
  const cellOf = (id: number, column: number) => {
    const { item, caption, badges } = live(id);
    const isActive = id === active || (activeAt === undefined && id === ids[0]);
    return (
      <Fragment key={id}>
        <Cell
          id={id}
          item={item}
          caption={caption}
          badges={badges}
          column={column}
          isActive={isActive}
          isChosen={selection.chosen.has(id)}
          hasCaption={layout.below_px > 0}
          href={props.pathOf(id)}
          onEdit={() => props.onEdit(id)}
        />
        {editing === id && item && (
          <div class="cell-over" style={{ left: `${Math.min(column, layout.columns - 2) * (layout.cell_px + GAP_PX)}px` }}>
            <InlineEditor item={item} onEnd={endEdit(id)} />
          </div>
        )}
      </Fragment>
    );
  };
  return (
    <div
      ref={box}
      class={`grid ${size}`}
      role="grid"
      aria-label="Images"
      aria-multiselectable="true"
      aria-rowcount={layout.rows}
      aria-colcount={layout.columns}
      style={{ height: `${Math.max(0, layout.rows * layout.row_px - GAP_PX)}px`, "--cell": `${layout.cell_px}px`, "--below": `${layout.below_px}px` }}
      onKeyDown={press}
      onFocusIn={(event) => {
        const id = idOf(event.target);
        if (id !== null && id !== active) props.onActive(id);
      }}
      onClick={click as unknown as JSX.MouseEventHandler<HTMLElement>}
      onDblClick={(event) => {
        const id = idOf(event.target);
        if (id !== null && !(event.target as Element).closest("a, button, textarea")) props.onOpen(id);
      }}
    >
      {drawn.map((row) => (
        <div key={row} class="grid-row" role="row" aria-rowindex={row + 1} style={{ transform: `translateY(${row * layout.row_px}px)` }}>
          {ids.slice(row * layout.columns, (row + 1) * layout.columns).map(cellOf)}
        </div>
      ))}
    </div>
  );
}
