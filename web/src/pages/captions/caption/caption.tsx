import { ImageOff } from "lucide-preact";
import type { ApiError } from "../../../api/http";
import { connection } from "../../../api/socket";
import { Button } from "../../../design/button";
import { RoleNotice } from "../../../design/role-notice";
import { EmptyState, ErrorState, Notice } from "../../../design/states";
import { go, params } from "../../../routing/router";
import { captionPath, datasetPath } from "../../../routing/routes";
import { headOf } from "../../../state/captions/heads";
import { knownCaption } from "../../../state/captions/outbox-sender";
import { rememberDatasetName } from "../../../state/datasets/dataset-names";
import { useDataset } from "../../../state/datasets/live-datasets";
import { whyICannot } from "../../../state/people/roles";
import { useTitle } from "../../../state/title";
import { filterQuery, type ImageFilter, parseFilter } from "../../../text/images/image-filter";
import { type Captioning, useCaptioning } from "./captioning";
import { FirstImage } from "./claim/first-image";
import { accept, edit, removeSlot, restore } from "./command-actions";
import { ConflictDialog, openConflicts, Unsaved } from "./conflicts/conflicts";
import { History } from "./conflicts/history";
import { setFlag } from "./flags-and-reviews";
import { KeySheet } from "./keys/key-sheet";
import { Filmstrip } from "./navigation/filmstrip";
import { FilterBar } from "./navigation/filter-bar";
import { FlagNote, ImageInfo } from "./picture/image-info";
import { Picture } from "./picture/picture";
import { Suggestions } from "./suggestions/suggestions";
import { dismiss, hasRow } from "./suggestions/use-suggestions";
import { Toolbar } from "./toolbar";
import { openSlot, showSlot } from "./write/open-slot";
import { SlotList } from "./write/slot-list";
import { StatusLine } from "./write/status-line";
import { TextBox } from "./write/text-box";
import "./caption.css";

/** A click beside text and controls leaves the focus in the box. */
function keepFocus(event: MouseEvent): void {
  if (!(event.target as Element).closest("a, button, p, input, label, textarea, dialog, [tabindex='0']")) event.preventDefault();
}

/** What somebody else did to this image meanwhile. */
function Notices({ claims, context }: Captioning) {
  const { other } = context.editor;
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
function Panels({ context, panel }: Captioning) {
  const { id, image, item } = context;
  const slot = openSlot(image);
  const close = () => context.open(null);
  const conflict = openConflicts(id).find((entry) => entry.state === "conflict");
  if (panel === "help") return <KeySheet onClose={close} />;
  if (panel === "choose" && conflict) return <ConflictDialog key={conflict.client_id} entry={conflict} onClose={close} />;
  if (panel !== "history" || !item) return null;
  const pick = (text: string) => {
    close();
    window.setTimeout(() => restore(context, text)); // the box can be written into once the dialog is closed
  };
  return <History image={image} slot={slot} revision={headOf(item, slot).revision} onRestore={pick} onClose={close} />;
}

/** The picture, and over it what is to be known about it. */
function Above(captioning: Captioning) {
  const { context, claims, viewer } = captioning;
  const { id, image, item, filter, nearby } = context;
  const next = datasetPath(id, "caption") + filterQuery(filter);
  return (
    <div class="stage">
      {claims.error ? <NotThere error={claims.error} next={next} /> : <Picture item={item} viewer={viewer} />}
      {item && <ImageInfo item={item} />}
      <div class="above">
        <FilterBar filter={filter} nearby={nearby} clearHref={captionPath(id, image)} />
        <RoleNotice datasetId={id} needed="captioner" />
        <Unsaved datasetId={id} onChoose={() => context.open("choose")} />
        <Notices {...captioning} />
      </div>
    </div>
  );
}

/** The image's other captions, if it has several. */
function Slots({ context, run }: Captioning) {
  const { image, item, slots, editor } = context;
  const open = openSlot(image);
  const textOf = (slot: number) => (slot === open ? editor.text : (knownCaption(image, slot) ?? (item && headOf(item, slot).text)));
  return (
    <SlotList
      slots={slots.map((slot) => ({ slot, text: textOf(slot) ?? "" }))}
      open={open}
      keymap={context.keymap}
      onOpen={(slot) => showSlot(image, slot)}
      onAdd={() => void run("add")}
      onRemove={(slot) => removeSlot(context, slot)}
    />
  );
}

/** Why the next image is not there yet. */
const waitingWords = (): string =>
  connection.value === "offline" ? "Kept in this browser. The next image comes when the server answers again." : "Looking for the next image";

/** What stands there, for whoever looks only. */
function Standing({ context }: Captioning) {
  const { item, slots, nearby, image, navigation } = context;
  const texts = item ? slots.map((slot) => headOf(item, slot).text).filter((text) => text !== null) : [];
  return (
    <div class="writing">
      {texts.length === 0 ? <p class="muted">No caption yet.</p> : texts.map((text, index) => <p key={index} dir="auto">{text}</p>)}
      <Filmstrip items={nearby.items} current={image} hrefOf={navigation.hrefOf} />
    </div>
  );
}

/** The box, and below it what helps to fill it. */
function Below(captioning: Captioning) {
  const { context, panel, hint, run } = captioning;
  const { id, image, item, editor, navigation } = context;
  const placeholder = openSlot(image) === 0 ? "Describe the picture" : "Describe it in other words";
  return (
    <div class="writing">
      <Slots {...captioning} />
      <TextBox box={captioning.box} editor={{ ...editor, type: captioning.onType }} label="Caption" vocabulary={captioning.vocabulary} offer={captioning.offer} placeholder={placeholder} />
      {hasRow(id) && (
        <Suggestions
          items={context.suggestions}
          onAccept={(text) => accept(context, text)}
          onEdit={(text) => edit(context, text)}
          onDismiss={(text) => dismiss(image, text)}
        />
      )}
      {panel === "note" && item && <FlagNote start={item.flag_note} onSave={(note) => setFlag(item, true, note)} onClose={() => context.open(null)} />}
      <StatusLine datasetId={id} image={image} editor={editor} keymap={context.keymap} hint={navigation.isWaiting ? waitingWords() : hint}>
        <Toolbar item={item} keymap={context.keymap} act={run} />
      </StatusLine>
      <Filmstrip items={context.nearby.items} current={image} hrefOf={navigation.hrefOf} />
    </div>
  );
}

function CaptioningView({ id, image, filter }: { id: string; image: number; filter: ImageFilter }) {
  const captioning = useCaptioning(id, image, filter);
  return (
    <main id="page" class="captioning" tabIndex={-1} onMouseDown={keepFocus}>
      <Above {...captioning} />
      {whyICannot(id, "captioner") ? <Standing {...captioning} /> : <Below {...captioning} />}
      <Panels {...captioning} />
    </main>
  );
}

/** One image after the other: type, Enter, next. */
export function CaptionPage({ id, image }: { id: string; image: number | null }) {
  const dataset = useDataset(id);
  if (dataset.data) rememberDatasetName(id, dataset.data.name);
  useTitle("Caption", dataset.data?.name);
  const filter = parseFilter(params.value);
  if (image === null) return <FirstImage id={id} filter={filter} isEnd={params.value.has("end")} />;
  return <CaptioningView id={id} image={image} filter={filter} />;
}
