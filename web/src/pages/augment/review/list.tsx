import { useEffect, useRef, useState } from "preact/hooks";
import type { Variant } from "../../../api/augment";
import { Button } from "../../../design/button";
import { actOf, groupsOf, movedTo, nextOpen } from "./decisions";
import { GroupCard } from "./group-card";
import type { Review } from "./use-review";
import { VariantRow } from "./variant-row";

/** So many before the end, the next page is fetched. */
const AHEAD = 15;

function isTyping(): boolean {
  const at = document.activeElement;
  if (document.querySelector("dialog[open]")) return true;
  return at instanceof HTMLTextAreaElement || at instanceof HTMLSelectElement || (at instanceof HTMLInputElement && !["range", "checkbox", "radio"].includes(at.type));
}

/** A state that is also at hand before the next drawing: keys come faster than that. */
function useLatestState<T>(first: T): [T, (value: T) => void, { readonly current: T }] {
  const [value, setValue] = useState(first);
  const now = useRef(first);
  const set = (next: T) => {
    now.current = next;
    setValue(next);
  };
  return [value, set, now];
}

/** The captions with their variants, and the keys that decide on the active one. */
export function List({ datasetId, review }: { datasetId: string; review: Review }) {
  const { items } = review;
  const [active, setActive, activeNow] = useLatestState<number | null>(null);
  const [editing, setEditing, editingNow] = useLatestState<number | null>(null);
  const decide = (variant: Variant, state: "accepted" | "rejected") => {
    setActive(nextOpen(items, variant.id));
    void review.change(variant, { state });
  };
  const save = async (variant: Variant, text: string) => {
    const isSame = text.trim() === variant.text;
    if (isSame || (await review.change(variant, { text }))) setEditing(null);
  };
  const press = (event: KeyboardEvent) => {
    const isOpening = editingNow.current !== null && document.querySelector(".variant-editor") === null;
    const act = actOf(event, isTyping() || isOpening);
    if (act === null) return;
    event.preventDefault();
    const at = activeNow.current;
    const now = items.find((one) => one.id === at);
    if (act === "next") setActive(movedTo(items, at, 1));
    else if (act === "previous") setActive(movedTo(items, at, -1));
    else if (act === "undo") setActive(review.undo() ?? at);
    else if (!now) setActive(movedTo(items, null, 0));
    else if (act === "edit") setEditing(now.id);
    else decide(now, act === "accept" ? "accepted" : "rejected");
  };
  const latest = useRef(press);
  latest.current = press;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => latest.current(event);
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
  const at = items.findIndex((one) => one.id === active);
  const isNearEnd = review.hasMore && at >= items.length - AHEAD;
  useEffect(() => {
    if (isNearEnd) review.more();
  }, [isNearEnd, items.length]);
  return (
    <div class="groups">
      {groupsOf(items).map((group) => (
        <GroupCard key={group.key} datasetId={datasetId} group={group} against={group.variants.find((one) => one.id === active)?.text ?? null}>
          {group.variants.map((variant) => (
            <VariantRow
              key={variant.id}
              variant={variant}
              isActive={variant.id === active}
              isEditing={variant.id === editing}
              onActive={() => setActive(variant.id)}
              onAccept={() => decide(variant, "accepted")}
              onReject={() => decide(variant, "rejected")}
              onEdit={() => {
                setActive(variant.id);
                setEditing(variant.id);
              }}
              onSave={(text) => void save(variant, text)}
              onLeave={() => setEditing(null)}
            />
          ))}
        </GroupCard>
      ))}
      {review.hasMore && <Button onClick={review.more}>Show more</Button>}
    </div>
  );
}
