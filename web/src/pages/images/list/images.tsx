import { ImageOff, ImagePlus, Replace } from "lucide-preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { getTeam } from "../../../api/captions";
import { Button } from "../../../design/button";
import { Confirm } from "../../../design/dialog";
import { PageHead } from "../../../design/page-head";
import { EmptyState, ErrorState, Skeleton } from "../../../design/states";
import { Tabs } from "../../../design/tabs";
import { go, params } from "../../../routing/router";
import { captionPath, datasetPath } from "../../../routing/routes";
import { rememberDatasetName } from "../../../state/datasets/dataset-names";
import { datasetVersion, useDataset } from "../../../state/datasets/live-datasets";
import { whyICannot } from "../../../state/people/roles";
import { useJob } from "../../../state/jobs/live-jobs";
import { useResource } from "../../../state/resource";
import { useThrottled } from "../../../state/throttled-values";
import { useTitle } from "../../../state/title";
import { toast } from "../../../state/toasts";
import { count, countOf } from "../../../text/format";
import { filterQuery, type ImageFilter, parseFilter } from "../../../text/images/image-filter";
import { isActive } from "../../../text/jobs/job-words";
import { EditDialog } from "../../captions/bulk-edit/edit-dialog";
import { JobProgress } from "../../jobs/controls/job-progress";
import { Grid } from "../grid/grid";
import type { Size } from "../grid/grid-layout";
import { keepSize, keptSize } from "../grid/grid-size";
import { lastPositions } from "../grid/last-position";
import { remove } from "./actions";
import { Filters } from "./filters";
import { fittingAddress } from "./fitting-address";
import { type Listing, useListing, useRecords } from "./listing";
import { inOrder, kept, NONE, type Selection } from "./selection";
import { SelectionBar } from "./selection-bar";
import { TagDialog } from "./tag-dialog";
import "./images.css";

const TEAM_MS = 10_000;
const SIZES: { value: Size; label: string }[] = [
  { value: "small", label: "Small" },
  { value: "medium", label: "Medium" },
  { value: "large", label: "Large" },
];

function NoImages({ id, isFiltered, onClear }: { id: string; isFiltered: boolean; onClear: () => void }) {
  if (!isFiltered) {
    return (
      <EmptyState icon={ImagePlus} title="No images yet" text="All images of the dataset stand here, to look over, to caption and to change many captions at once.">
        <Button kind="primary" href={`${datasetPath(id)}#add`}>Add images</Button>
      </EmptyState>
    );
  }
  return (
    <EmptyState icon={ImageOff} title="No image fits" text="Other filters may show some.">
      <Button onClick={onClear}>Clear filters</Button>
    </EmptyState>
  );
}

/** The edit that was started here, while it runs. */
function EditProgress({ id }: { id: string }) {
  const job = useJob(id);
  if (!job || !isActive(job.state)) return null;
  return <div class="edit-progress"><JobProgress job={job} /></div>;
}

function Keys() {
  return (
    <p class="grid-keys muted">
      <kbd>Arrows</kbd> move <kbd>Space</kbd> chooses <kbd>Shift</kbd> with arrows a range <kbd>Ctrl A</kbd> all <kbd>Enter</kbd> opens <kbd>F2</kbd> edits here <kbd>Del</kbd> deletes
    </p>
  );
}

type Open = "edit" | "tag" | "delete" | null;

interface ListProps {
  id: string;
  filter: ImageFilter;
  listing: Listing;
  size: Size;
  open: Open;
  setOpen: (open: Open) => void;
}

function List({ id, filter, listing, size, open, setOpen }: ListProps) {
  const { ids } = listing;
  const name = `${id} ${filterQuery(filter)}`;
  const [selection, setSelection] = useState<Selection>(NONE);
  const [active, setActive] = useState<number | null>(() => lastPositions.get(name) ?? null);
  const [editing, setEditing] = useState<number | null>(null);
  const [sight, setSight] = useState<readonly [number, number]>([0, 0]);
  const [jobId, setJobId] = useState<string | null>(null);
  useRecords(id, listing, sight);
  useEffect(() => setSelection((old) => kept(old, ids)), [ids]);
  const chosen = useMemo(() => inOrder(selection, ids), [selection, ids]);
  const captionChosen = () => {
    const part = fittingAddress(chosen);
    if (part.length < chosen.length) toast({ tone: "waiting", text: `The first ${countOf(part.length, "chosen image")}: an address holds no more.` });
    if (part[0] !== undefined) go(captionPath(id, part[0]) + filterQuery({ ids: part }));
  };
  const pathOf = (image: number) => captionPath(id, image) + filterQuery(filter);
  const activate = (image: number) => {
    lastPositions.set(name, image);
    setActive(image);
  };
  const afterDelete = () => {
    const next = ids.find((image) => image > (chosen.at(-1) ?? 0)) ?? ids.findLast((image) => !selection.chosen.has(image));
    if (next !== undefined) activate(next);
    listing.refresh();
  };
  const isAll = chosen.length === 0 || chosen.length === ids.length;
  return (
    <>
      <div class="list-head">
        {chosen.length > 0
          ? <SelectionBar datasetId={id} chosen={chosen} onCaption={captionChosen} onEdit={() => setOpen("edit")} onTag={() => setOpen("tag")} onDelete={() => setOpen("delete")} onClear={() => setSelection(NONE)} />
          : <><p class="num"><b>{countOf(ids.length, "image")}</b></p>{!jobId && <Keys />}</>}
        {listing.waiting > 0 && <Button small onClick={listing.refresh}>Show {countOf(listing.waiting, "change")}</Button>}
        {jobId && <EditProgress id={jobId} />}
      </div>
      <Grid
        datasetId={id}
        ids={ids}
        size={size}
        selection={selection}
        active={active}
        editing={editing}
        pathOf={pathOf}
        onSelect={setSelection}
        onActive={activate}
        onEdit={setEditing}
        onOpen={(image) => go(pathOf(image))}
        onDelete={() => whyICannot(id, "manager") || setOpen("delete")}
        onSight={(from, to) => setSight([from, to])}
      />
      {open === "edit" && (
        <EditDialog
          datasetId={id}
          scope={{ filter, chosen: isAll ? null : chosen, count: ids.length }}
          onClose={() => setOpen(null)}
          onStarted={(job) => setJobId(job.id)}
        />
      )}
      {open === "tag" && chosen.length > 0 && <TagDialog datasetId={id} chosen={chosen} onClose={() => setOpen(null)} />}
      {open === "delete" && chosen.length > 0 && (
        <Confirm
          title={`Delete ${countOf(chosen.length, "image")}?`}
          text={`${chosen.length === 1 ? "The image" : `These ${count(chosen.length)} images`} and all their captions are gone for good, for everybody. This cannot be undone.`}
          verb={`Delete ${countOf(chosen.length, "image")}`}
          onClose={() => setOpen(null)}
          act={() => remove(id, chosen).then(afterDelete)}
        />
      )}
    </>
  );
}

/** All images of a dataset, to look over, choose and change. The filter stands in the address. */
export function ImagesPage({ id }: { id: string }) {
  const dataset = useDataset(id);
  if (dataset.data) rememberDatasetName(id, dataset.data.name);
  useTitle("Images", dataset.data?.name);
  const filter = parseFilter(params.value);
  const listing = useListing(id, filter);
  const team = useResource((stop) => getTeam(id, 14, stop), [id], useThrottled(datasetVersion(id), TEAM_MS));
  const [size, setSize] = useState<Size>(keptSize);
  const [open, setOpen] = useState<Open>(null);
  const show = (next: ImageFilter) => go(datasetPath(id, "images") + filterQuery(next), { replace: true });
  const isFiltered = filterQuery(filter) !== "";
  const cannotEdit = whyICannot(id, "manager");
  const change = (part: object) => show(Object.fromEntries(Object.entries({ ...filter, ...part }).filter(([, value]) => value !== undefined)) as ImageFilter);
  const resize = (next: Size) => {
    keepSize(next);
    setSize(next);
  };
  return (
    <div class="images-page">
      <PageHead title="Images" text="Choose some to caption, review, flag or edit them together.">
        <Tabs name="Size of the pictures" value={size} tabs={SIZES} onChange={resize} />
        <Button icon={Replace} disabled={listing.ids.length === 0 || cannotEdit !== ""} title={cannotEdit || undefined} onClick={() => setOpen("edit")}>Find and replace</Button>
      </PageHead>
      <Filters filter={filter} team={team.data} onChange={change} />
      {!listing.isThere && (listing.error ? <ErrorState problem={listing.error} datasetId={id} onRetry={listing.refresh} /> : <Skeleton heights={[28, 200, 200, 200]} />)}
      {listing.isThere && listing.ids.length === 0 && <NoImages id={id} isFiltered={isFiltered} onClear={() => show({})} />}
      {listing.ids.length > 0 && <List key={`${id} ${filterQuery(filter)}`} id={id} filter={filter} listing={listing} size={size} open={open} setOpen={setOpen} />}
    </div>
  );
}
