/** What each command of the captioning page does. */
import { go } from "../../router";
import { datasetPath } from "../../routes";
import { getNeighbours } from "../../api/calls";
import type { ImageItem, Suggestion } from "../../api/types";
import { headOf } from "../../state/heads";
import { imageOf, remember } from "../../state/images";
import { dropDraft } from "../../state/drafts";
import { lastOf } from "../../state/outbox";
import { outbox, saveCaption, saves, undoLast } from "../../state/saving";
import { lastText } from "../../state/sitting";
import { filterQuery, type ImageFilter } from "../../text/image-filter";
import { writeInto } from "./box";
import type { Command } from "./commands";
import { openConflicts } from "./conflicts";
import { reviewProblem, setFlag, setReviewed } from "./judging";
import { type Keymap, keyWords } from "./keymap";
import { skip } from "./leases";
import type { Moving } from "./moving";
import type { Viewer } from "./picture";
import { forgetEnter, markEnter } from "./pictures";
import { freeSlot, slotBeside } from "./slot-order";
import { openSlot, showSlot } from "./slots";
import { dismiss } from "./suggested";
import type { SaveOutcome, Typed } from "./typed";
import type { Walk } from "./walk";

const PAN_PX = 90;

export type Panel = "help" | "history" | "choose" | "note" | null;

/** Everything a command may need of the open page. */
export interface Scene {
  id: string;
  image: number;
  item: ImageItem | undefined;
  filter: ImageFilter;
  typed: Typed;
  slots: number[];
  walk: Walk;
  moving: Moving;
  suggestions: Suggestion[];
  keymap: Keymap;
  box: { current: HTMLTextAreaElement | null };
  viewer: { current: Viewer | null };
  /** The rest of a word or phrase behind the cursor; empty: none. */
  offer: { current: string };
  /** An emptied box was entered once: once more takes the caption away. */
  isTakingAway: boolean;
  say: (hint: string) => void;
  open: (panel: Panel) => void;
  askAgain: (what: "image" | "take away") => void;
}

const firstKey = (scene: Scene, command: Command): string => {
  const [key] = scene.keymap[command];
  return key ? keyWords(key) : "its key";
};

/** Says or does what an outcome of a save asks for. True: it is saved, one may go on. */
function settled(scene: Scene, outcome: SaveOutcome): boolean {
  switch (outcome.state) {
    case "saved":
    case "unchanged":
      return true;
    case "conflict":
      scene.open("choose");
      return false;
    case "empty":
      if (scene.item && headOf(scene.item, 0).text !== null) return true;
      scene.say(`Type a caption first, or press ${firstKey(scene, "next")} for the next image.`);
      return false;
    case "emptied":
      scene.say("Once more takes the caption away. Undo brings it back.");
      scene.askAgain("take away");
      return false;
    case "later":
      scene.askAgain("image");
      return false;
    case "problem":
      scene.say(outcome.problem);
      return false;
  }
}

function saveAnd(scene: Scene, then: () => void, text?: string): void {
  const outcome = scene.typed.save({ takeAway: scene.isTakingAway, ...(text === undefined ? {} : { text }) });
  if (settled(scene, outcome)) then();
  else forgetEnter();
}

export function saveAndGoOn(scene: Scene): void {
  markEnter();
  saveAnd(scene, scene.moving.on);
}

function stepTo(scene: Scene, to: number | undefined, words: string): void {
  if (to === undefined) return scene.say(words);
  markEnter();
  scene.moving.to(to);
}

function copyPrevious(scene: Scene): void {
  const { id, image, walk } = scene;
  const before = walk.previous === undefined ? undefined : imageOf(walk.previous);
  const text = lastText(saves.value, id, image, openSlot(image)) ?? (before ? headOf(before, 0).text : null);
  if (text === null) return scene.say("There is no caption before this one to copy.");
  writeInto(scene.box.current, text, { whole: true });
}

/** Restores a former text: written into the box, so that Ctrl+Z brings back what was there, and saved. */
export function restore(scene: Scene, text: string): void {
  writeInto(scene.box.current, text, { whole: true });
  saveAnd(scene, () => scene.say("Restored."), text);
}

function undo(scene: Scene): void {
  const undone = undoLast(scene.id);
  if ("problem" in undone) return scene.say(undone.problem);
  const { done } = undone;
  showSlot(done.image_id, done.slot);
  if (done.image_id !== scene.image) scene.moving.to(done.image_id);
  scene.say(done.before === null ? "Undone: this image has no caption again." : "Undone: the text before is back.");
}

async function toUncaptioned(scene: Scene): Promise<void> {
  if (filterQuery(scene.filter) === "") return scene.moving.on();
  try {
    const { items } = await getNeighbours(scene.image, { ...scene.filter, status: "uncaptioned" }, 1);
    remember(items);
    const found = items.find((item) => item.id > scene.image) ?? items.find((item) => item.id !== scene.image);
    if (found) scene.moving.to(found.id);
    else scene.say("No other image of this filter waits for a caption.");
  } catch {
    scene.say("The server does not answer: the next one is not known yet.");
  }
}

function review(scene: Scene): void {
  const { item, typed } = scene;
  if (!item) return;
  if (item.reviewed_by) return setReviewed(item, false);
  const problem = reviewProblem(item, typed.text !== typed.kept);
  if (problem !== null) return scene.say(problem);
  setReviewed(item, true);
  if (filterQuery(scene.filter) !== "") scene.moving.on();
  else if (scene.walk.next !== undefined) scene.moving.to(scene.walk.next);
}

function addCaption(scene: Scene): void {
  if (scene.typed.text.trim() === "") return scene.say("Type this caption first, then one more.");
  const free = freeSlot(scene.slots);
  if (free === null) return scene.say("An image has at most ten captions.");
  saveAnd(scene, () => showSlot(scene.image, free));
}

function besideSlot(scene: Scene, step: 1 | -1): boolean {
  if (scene.slots.length < 2) return false;
  showSlot(scene.image, slotBeside(scene.slots, openSlot(scene.image), step));
  return true;
}

/** Saves a suggestion where nothing stands yet; else it goes into the box, and nothing is overwritten unseen. */
export function accept(scene: Scene, text: string | undefined): boolean {
  if (text === undefined) return false;
  if (scene.typed.text.trim() !== "" || scene.typed.kept !== "") return edit(scene, text);
  markEnter();
  saveAnd(scene, scene.moving.on, text);
  return true;
}

export function edit(scene: Scene, text: string | undefined): boolean {
  if (text === undefined) return false;
  writeInto(scene.box.current, text, { whole: true });
  scene.say(`${firstKey(scene, "save")} saves it. Ctrl+Z brings your text back.`);
  return true;
}

/** Takes one of several captions away. */
export function removeSlot({ id, image, item, say }: Scene, slot: number): void {
  if (!item) return;
  const { text, revision } = headOf(item, slot);
  const last = lastOf(outbox.value, image, slot);
  const before = last ? last.text : text;
  dropDraft(image, slot);
  showSlot(image, 0);
  if (before === null) return;
  const problem = saveCaption({ imageId: image, slot, datasetId: id, text: null, before, baseRevision: revision, after: last?.client_id });
  say(problem ?? "Taken away. Undo brings it back.");
}

function choose(scene: Scene): void {
  if (openConflicts(scene.id).some((entry) => entry.state === "conflict")) scene.open("choose");
  else scene.say("There is no conflict to decide.");
}

const pan = (scene: Scene, x: number, y: number): boolean => scene.viewer.current?.pan({ x: x * PAN_PX, y: y * PAN_PX }) ?? false;

/** Moves a large picture by an arrow key. */
export function panBy(scene: Scene, key: string): boolean {
  const [x, y] = ({ ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] } as Record<string, [number, number]>)[key] ?? [0, 0];
  return pan(scene, x, y);
}

/** What a command does in a scene; false: its key stays what it is in any text. */
export function act(command: Command, scene: Scene): boolean | void {
  const { item, suggestions, moving } = scene;
  const numbered = /^(accept|edit)([1-5])$/.exec(command);
  if (numbered) return (numbered[1] === "accept" ? accept : edit)(scene, suggestions[Number(numbered[2]) - 1]?.text);
  switch (command) {
    case "save":
      return saveAndGoOn(scene);
    case "stay":
      return saveAnd(scene, () => scene.say("Saved in the background."));
    case "complete":
      if (scene.offer.current === "") return false;
      return writeInto(scene.box.current, scene.offer.current);
    case "copy":
      return copyPrevious(scene);
    case "undo":
      return undo(scene);
    case "history":
      return scene.open("history");
    case "choose":
      return choose(scene);
    case "next":
      return stepTo(scene, scene.walk.next, "This is the last image.");
    case "previous":
      return stepTo(scene, scene.walk.previous, "This is the first image.");
    case "uncaptioned":
      return void toUncaptioned(scene);
    case "skip":
      skip(scene.image);
      return moving.on();
    case "leave":
      return go(datasetPath(scene.id));
    case "add":
      return addCaption(scene);
    case "slotDown":
      return besideSlot(scene, 1);
    case "slotUp":
      return besideSlot(scene, -1);
    case "review":
      return review(scene);
    case "flag":
      return item && setFlag(item, !item.flagged_by);
    case "note":
      return scene.open("note");
    case "zoom":
      return scene.viewer.current?.zoom();
    case "panLeft":
      return pan(scene, 1, 0);
    case "panRight":
      return pan(scene, -1, 0);
    case "panUp":
      return pan(scene, 0, 1);
    case "panDown":
      return pan(scene, 0, -1);
    case "help":
      return scene.open("help");
    case "dismiss":
      return suggestions[0] ? dismiss(scene.image, suggestions[0].text) : undefined;
  }
}
