import { CheckCheck } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ImageItem } from "../../api/types";
import { Button } from "../../design/button";
import { EmptyState, ErrorState, Notice, Skeleton } from "../../design/states";
import { go } from "../../router";
import { captionPath, datasetPath } from "../../routes";
import { learnName } from "../../state/names";
import { useDataset } from "../../state/datasets";
import { asApiError, type ApiError } from "../../api/http";
import { conflicts } from "../../state/saving";
import { useTitle } from "../../state/title";
import { claimFresh, useNeighbours, useOpenImage, useUpcoming } from "./claims";
import { Conflicts } from "./conflicts";
import { KeySheet } from "./key-sheet";
import { type Command, useCommands } from "./keyboard";
import { Picture } from "./picture";
import { Strip } from "./strip";
import { type Typed, useTyped } from "./typed";
import { WritingLine } from "./writing-line";
import "./caption.css";

interface PageProps {
  id: string;
  image: number | null;
}

function AllDone({ id }: { id: string }) {
  return (
    <main id="page" class="page" tabIndex={-1}>
      <EmptyState icon={CheckCheck} title="No image waits for a caption" text="All are captioned, or open at somebody else. The next step is to split the captions into a part to train on and a part to measure with.">
        <Button kind="primary" href={datasetPath(id, "prepare")}>Split captions</Button>
        <Button href={datasetPath(id)}>Go to the overview</Button>
      </EmptyState>
    </main>
  );
}

/** Without an image in the address: claims one and goes there. */
function FirstImage({ id }: { id: string }) {
  const [state, setState] = useState<"asking" | "none" | ApiError>("asking");
  const ask = () => {
    setState("asking");
    claimFresh(id).then(
      (item) => (item ? go(captionPath(id, item.id), { replace: true }) : setState("none")),
      (thrown: unknown) => setState(asApiError(thrown)),
    );
  };
  useEffect(ask, [id]);
  if (state === "none") return <AllDone id={id} />;
  return (
    <main id="page" class="page" tabIndex={-1}>
      {state === "asking" ? <Skeleton heights={[400, 68]} /> : <ErrorState problem={state} datasetId={id} onRetry={ask} />}
    </main>
  );
}

/** Goes on as soon as the next image is known. */
function useMoveOn(id: string, image: number) {
  const upcoming = useUpcoming(id, image);
  const [wanted, setWanted] = useState<number | null>(null);
  useEffect(() => {
    if (wanted !== image || upcoming.state === "looking") return;
    setWanted(null);
    go(upcoming.state === "there" ? captionPath(id, upcoming.item.id) : datasetPath(id, "caption"));
  }, [wanted, image, upcoming]);
  return () => setWanted(image);
}

/** Saves and goes on; a save asked for before the image was there is done when it comes. */
function useSaving(typed: Typed, image: number, item: ImageItem | undefined, moveOn: () => void): () => void {
  const [asked, setAsked] = useState<number | null>(null);
  const save = () => {
    const outcome = typed.save();
    setAsked(outcome === "later" ? image : null);
    if (outcome === "saved") moveOn();
  };
  useEffect(() => {
    if (item && asked === item.id) save();
  }, [item?.id]);
  return save;
}

/** A click beside text and controls leaves the focus in the box. */
function keepFocus(event: MouseEvent): void {
  if (!(event.target as Element).closest("a, button, p, textarea, dialog")) event.preventDefault();
}

function neighbourOf(items: ImageItem[], image: number, step: 1 | -1): ImageItem | undefined {
  const at = items.findIndex((item) => item.id === image);
  return at < 0 ? undefined : items[at + step];
}

function Captioning({ id, image }: { id: string; image: number }) {
  const { item, error, held } = useOpenImage(image);
  const neighbours = useNeighbours(id, image);
  const moveOn = useMoveOn(id, image);
  const typed = useTyped(id, image, item);
  const box = useRef<HTMLTextAreaElement>(null);
  const [isHelping, setHelping] = useState(false);
  const step = (by: 1 | -1) => {
    const to = neighbourOf(neighbours, image, by);
    if (to) go(captionPath(id, to.id));
  };
  const save = useSaving(typed, image, item, moveOn);
  const commands: Record<Command, () => void> = {
    save,
    leave: () => go(datasetPath(id)),
    next: () => step(1),
    previous: () => step(-1),
    help: () => setHelping(true),
  };
  useCommands(box, typed.text === "", (command) => commands[command]());
  const open = conflicts.value.length;
  useEffect(() => {
    box.current?.focus();
  }, [image, open]);
  return (
    <main id="page" class="captioning" tabIndex={-1} onMouseDown={keepFocus}>
      <div class="stage">
        {error ? <ErrorState problem={error} datasetId={id} onRetry={() => go(datasetPath(id, "caption"))} /> : <Picture item={item} key={image} />}
        {held && <div class="held"><Notice>{held} Page Down goes to the next one.</Notice></div>}
        <Conflicts datasetId={id} />
      </div>
      <div class="writing">
        <label class="unseen" for="caption-box">Caption</label>
        <textarea
          id="caption-box"
          ref={box}
          value={typed.text}
          placeholder="Describe the picture"
          spellcheck
          maxLength={2000}
          aria-describedby="caption-line"
          onInput={(event) => typed.type(event.currentTarget.value)}
        />
        <WritingLine datasetId={id} typed={typed} onHelp={() => setHelping(true)} />
        <Strip items={neighbours} current={image} />
      </div>
      {isHelping && <KeySheet onClose={() => setHelping(false)} />}
    </main>
  );
}

/** One image after the other: type, Enter, next. */
export function CaptionPage({ id, image }: PageProps) {
  const dataset = useDataset(id);
  if (dataset.data) learnName(id, dataset.data.name);
  useTitle("Caption", dataset.data?.name);
  if (image === null) return <FirstImage id={id} />;
  return <Captioning id={id} image={image} />;
}
