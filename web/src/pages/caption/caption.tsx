import { ImageOff } from "lucide-preact";
import type { ApiError } from "../../api/http";
import { connection } from "../../api/socket";
import { Button } from "../../design/button";
import { EmptyState, ErrorState, Notice } from "../../design/states";
import { go, params } from "../../router";
import { captionPath, datasetPath } from "../../routes";
import { useDataset } from "../../state/datasets";
import { headOf } from "../../state/heads";
import { learnName } from "../../state/names";
import { knownCaption } from "../../state/saving";
import { useTitle } from "../../state/title";
import { filterQuery, type ImageFilter, parseFilter } from "../../text/image-filter";
import { accept, edit, removeSlot, restore } from "./acts";
import { Box } from "./box";
import { ConflictDialog, openConflicts, Unsaved } from "./conflicts";
import { FilterBar } from "./filter-bar";
import { FirstImage } from "./first-image";
import { History } from "./history";
import { setFlag } from "./judging";
import { KeySheet } from "./key-sheet";
import { FlagNote, Meta } from "./meta";
import { Picture } from "./picture";
import { type Stage, useScene } from "./scene";
import { openSlot, showSlot } from "./slots";
import { SlotList } from "./slot-list";
import { Strip } from "./strip";
import { dismiss, hasRow } from "./suggested";
import { Suggestions } from "./suggestions";
import { Toolbar } from "./toolbar";
import { WritingLine } from "./writing-line";
import "./caption.css";

/** A click beside text and controls leaves the focus in the box. */
function keepFocus(event: MouseEvent): void {
  if (!(event.target as Element).closest("a, button, p, input, label, textarea, dialog, [tabindex='0']")) event.preventDefault();
}

/** What somebody else did to this image meanwhile. */
function Notices({ claims, scene }: Stage) {
  const { other } = scene.typed;
  const words = other
    ? `${other.by} saved another text while you type: "${other.text ?? "taken away"}". Saving asks which one stays.`
    : claims.held;
  return <div class="held" aria-live="polite">{words && <Notice><span dir="auto">{words}</span></Notice>}</div>;
}

/** The image was deleted, or cannot be fetched. */
function NotThere({ error, next }: { error: ApiError; next: string }) {
  if (error.status !== 404) return <ErrorState problem={error} onRetry={() => go(next)} />;
  return (
    <EmptyState icon={ImageOff} title="This image is gone" text={`${error.message} It may have been deleted meanwhile.`}>
      <Button kind="primary" href={next}>Go on with another one</Button>
    </EmptyState>
  );
}

/** The dialogs: keys, a conflict, the history. */
function Panels({ scene, panel }: Stage) {
  const { id, image, item } = scene;
  const slot = openSlot(image);
  const close = () => scene.open(null);
  const conflict = openConflicts(id).find((entry) => entry.state === "conflict");
  if (panel === "help") return <KeySheet onClose={close} />;
  if (panel === "choose" && conflict) return <ConflictDialog key={conflict.client_id} entry={conflict} onClose={close} />;
  if (panel !== "history" || !item) return null;
  const pick = (text: string) => {
    close();
    window.setTimeout(() => restore(scene, text)); // the box can be written into once the dialog is closed
  };
  return <History image={image} slot={slot} revision={headOf(item, slot).revision} onRestore={pick} onClose={close} />;
}

/** The picture, and over it what is to be known about it. */
function Above(stage: Stage) {
  const { scene, claims, viewer } = stage;
  const { id, image, item, filter, walk } = scene;
  const next = datasetPath(id, "caption") + filterQuery(filter);
  return (
    <div class="stage">
      {claims.error ? <NotThere error={claims.error} next={next} /> : <Picture item={item} viewer={viewer} />}
      {item && <Meta item={item} />}
      <div class="above">
        <FilterBar filter={filter} walk={walk} clearHref={captionPath(id, image)} />
        <Unsaved datasetId={id} onChoose={() => scene.open("choose")} />
        <Notices {...stage} />
      </div>
    </div>
  );
}

/** The image's other captions, if it has several. */
function Slots({ scene, run }: Stage) {
  const { image, item, slots, typed } = scene;
  const open = openSlot(image);
  const textOf = (slot: number) => (slot === open ? typed.text : (knownCaption(image, slot) ?? (item && headOf(item, slot).text)));
  return (
    <SlotList
      slots={slots.map((slot) => ({ slot, text: textOf(slot) ?? "" }))}
      open={open}
      keymap={scene.keymap}
      onOpen={(slot) => showSlot(image, slot)}
      onAdd={() => void run("add")}
      onRemove={(slot) => removeSlot(scene, slot)}
    />
  );
}

/** Why the next image is not there yet. */
const waitingWords = (): string =>
  connection.value === "offline" ? "Kept in this browser. The next image comes when the server answers again." : "Looking for the next image";

/** The box, and below it what helps to fill it. */
function Below(stage: Stage) {
  const { scene, panel, hint, run } = stage;
  const { id, image, item, typed, moving } = scene;
  const placeholder = openSlot(image) === 0 ? "Describe the picture" : "Describe it in other words";
  return (
    <div class="writing">
      <Slots {...stage} />
      <Box box={stage.box} typed={{ ...typed, type: stage.onType }} label="Caption" vocabulary={stage.vocabulary} offer={stage.offer} placeholder={placeholder} />
      {hasRow(id) && (
        <Suggestions
          items={scene.suggestions}
          onAccept={(text) => accept(scene, text)}
          onEdit={(text) => edit(scene, text)}
          onDismiss={(text) => dismiss(image, text)}
        />
      )}
      {panel === "note" && item && <FlagNote start={item.flag_note ?? ""} onSave={(note) => setFlag(item, true, note)} onClose={() => scene.open(null)} />}
      <WritingLine datasetId={id} image={image} typed={typed} keymap={scene.keymap} hint={moving.isWaiting ? waitingWords() : hint}>
        <Toolbar item={item} keymap={scene.keymap} act={run} />
      </WritingLine>
      <Strip items={scene.walk.items} current={image} hrefOf={moving.hrefOf} />
    </div>
  );
}

function Captioning({ id, image, filter }: { id: string; image: number; filter: ImageFilter }) {
  const stage = useScene(id, image, filter);
  return (
    <main id="page" class="captioning" tabIndex={-1} onMouseDown={keepFocus}>
      <Above {...stage} />
      <Below {...stage} />
      <Panels {...stage} />
    </main>
  );
}

/** One image after the other: type, Enter, next. */
export function CaptionPage({ id, image }: { id: string; image: number | null }) {
  const dataset = useDataset(id);
  if (dataset.data) learnName(id, dataset.data.name);
  useTitle("Caption", dataset.data?.name);
  const filter = parseFilter(params.value);
  if (image === null) return <FirstImage id={id} filter={filter} isEnd={params.value.has("end")} />;
  return <Captioning id={id} image={image} filter={filter} />;
}
