import { RotateCcw, Trash2 } from "lucide-preact";
import { useState } from "preact/hooks";
import { emptyTrash, readTrash, removeForGood, type TrashItem } from "../../api/trash";
import { Button } from "../../design/button";
import { Confirm } from "../../design/dialog";
import { PageHead } from "../../design/page-head";
import { EmptyState, ErrorState, Loaded } from "../../design/states";
import { Table } from "../../design/table";
import { When } from "../../design/when";
import { datasetPath } from "../../routing/routes";
import { useAction, useResource } from "../../state/resource";
import { useTitle } from "../../state/title";
import { toast } from "../../state/toasts";
import { bringBack } from "../../state/trash";
import { bytes, count, countOf } from "../../text/format";
import "./trash.css";

const COLUMNS = [
  { title: "What" },
  { title: "Size", right: true },
  { title: "Deleted" },
  { title: "Kept for" },
  { title: "Actions", isUnseen: true },
];
const DAY_MS = 86_400_000;

/** What an entry is called: "Birds", "night 01.jpg and 11 more". */
function nameOf(item: TrashItem): string {
  return item.kind === "images" && item.count > 1 ? `${item.name} and ${count(item.count - 1)} more` : item.name;
}

function kindText(item: TrashItem): string {
  if (item.kind === "dataset") return `Dataset with ${countOf(item.count, "image")}`;
  return item.kind === "model" ? "Model" : countOf(item.count, "image");
}

function leftText(until: string): string {
  return countOf(Math.max(1, Math.ceil((Date.parse(until) - Date.now()) / DAY_MS)), "more day");
}

function Row({ item, onChanged, onRemove }: { item: TrashItem; onChanged: () => void; onRemove: () => void }) {
  const name = nameOf(item);
  const back = useAction(() => bringBack(item, name, onChanged));
  return (
    <tr>
      <th scope="row">
        <div class="trash-what">
          <span>{name}</span>
          <small>
            {kindText(item)}
            {item.dataset_id && <> of <a href={datasetPath(item.dataset_id)}>{item.dataset_name}</a></>}
          </small>
        </div>
        {back.error && <ErrorState problem={back.error} />}
      </th>
      <td class="num right">{bytes(item.size_bytes)}</td>
      <td><When at={item.deleted_at} /> <small class="muted">by {item.deleted_by}</small></td>
      <td>{leftText(item.until)}</td>
      <td>
        <div class="trash-actions">
          <Button small icon={RotateCcw} busy={back.busy} onClick={() => back.run()}>Bring back</Button>
          {item.may_remove && <Button small kind="quiet" icon={Trash2} label={`Delete ${name} for good`} onClick={onRemove} />}
        </div>
      </td>
    </tr>
  );
}

function Items({ items, onChanged }: { items: TrashItem[]; onChanged: () => void }) {
  const [removing, setRemoving] = useState<TrashItem | null>(null);
  const isDataset = removing?.kind === "dataset";
  return (
    <>
      <Table name="Trash" columns={COLUMNS}>
        {items.map((item) => <Row key={`${item.kind} ${item.key}`} item={item} onChanged={onChanged} onRemove={() => setRemoving(item)} />)}
      </Table>
      {removing && (
        <Confirm
          title={`Delete ${nameOf(removing)} for good?`}
          text={`${isDataset ? "Its images, captions and histories go" : "It goes"} at once and cannot be brought back.`}
          verb="Delete for good"
          {...(isDataset ? { name: removing.name } : {})}
          onClose={() => setRemoving(null)}
          act={() => removeForGood(removing).then(onChanged)}
        />
      )}
    </>
  );
}

/** What was deleted: who did it, until when it is kept, and bringing it back. */
export function TrashPage() {
  useTitle("Trash");
  const [older, setOlder] = useState<string[]>([]);
  const [isEmptying, setEmptying] = useState(false);
  const cursor = older.at(-1) ?? null;
  const trash = useResource((stop) => readTrash(cursor, stop), [cursor ?? ""]);
  const kept = trash.data?.kept_days;
  const mayEmpty = trash.data?.items.some((item) => item.may_remove);
  const empty = () => emptyTrash().then(({ removed }) => {
    toast({ tone: "done", text: `${countOf(removed, "thing")} deleted for good.` });
    setOlder([]);
    trash.reload();
  });
  return (
    <>
      <PageHead title="Trash" text={kept ? `What is deleted can be brought back for ${countOf(kept, "day")}.` : "What is deleted is gone at once, as this service is set up."}>
        {mayEmpty && <Button icon={Trash2} onClick={() => setEmptying(true)}>Empty the trash</Button>}
      </PageHead>
      <Loaded of={trash} heights={[48, 48, 48]}>
        {({ items, next_cursor }) => (
          <div class="stack">
            {items.length === 0
              ? <EmptyState icon={Trash2} title="The trash is empty" text="Datasets, images and models that are deleted are listed here until they go for good." />
              : <Items items={items} onChanged={trash.reload} />}
            <div class="row">
              {older.length > 0 && <Button small onClick={() => setOlder(older.slice(0, -1))}>Newer</Button>}
              {next_cursor && <Button small onClick={() => setOlder([...older, next_cursor])}>Older</Button>}
            </div>
          </div>
        )}
      </Loaded>
      {isEmptying && (
        <Confirm
          title="Empty the trash?"
          text="Everything in it that you may delete, on all pages, goes at once and cannot be brought back."
          verb="Delete all for good"
          name="empty"
          onClose={() => setEmptying(false)}
          act={empty}
        />
      )}
    </>
  );
}
