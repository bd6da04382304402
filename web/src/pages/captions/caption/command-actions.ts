/** What each command of the captioning page does. */
import type { Suggestion } from "../../../api/captions";
import { getNeighbours, type ImageItem } from "../../../api/images";
import { go } from "../../../routing/router";
import { datasetPath } from "../../../routing/routes";
import { dropDraft } from "../../../state/captions/drafts";
import { headOf } from "../../../state/captions/heads";
import { lastOf } from "../../../state/captions/outbox";
import { outbox, pastSaves, saveCaption, undoLast } from "../../../state/captions/outbox-sender";
import { lastText } from "../../../state/captions/undo-history";
import { imageOf, rememberImages } from "../../../state/images/live-images";
import { filterQuery, type ImageFilter } from "../../../text/images/image-filter";
import { skip } from "./claim/held-claims";
import { openConflicts } from "./conflicts/conflicts";
import { reviewProblem, setFlag, setReviewed } from "./flags-and-reviews";
import type { Command } from "./keys/commands";
import { type Keymap, keyWords } from "./keys/keymap";
import type { Navigation } from "./navigation/navigation";
import type { NearbyImages } from "./navigation/nearby-images";
import type { Viewer } from "./picture/picture";
import { forgetEnter, markEnter } from "./picture/time-to-shown";
import { dismiss } from "./suggestions/use-suggestions";
import type { Editor, SaveOutcome } from "./write/editor";
import { openSlot, showSlot } from "./write/open-slot";
import { freeSlot, slotBeside } from "./write/slot-order";
import { writeInto } from "./write/text-box";

const PAN_PX = 90;

export type Panel = "help" | "history" | "choose" | "note" | null;

/** Everything a command may need of the open page. */
export interface CommandContext {
  id: string;
  image: number;
  item: ImageItem | undefined;
  filter: ImageFilter;
  editor: Editor;
  slots: number[];
  nearby: NearbyImages;
  navigation: Navigation;
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

const firstKey = (context: CommandContext, command: Command): string => {
  const [key] = context.keymap[command];
  return key ? keyWords(key) : "its key";
};

/** Says or does what an outcome of a save asks for. True: it is saved, one may go on. */
function settled(context: CommandContext, outcome: SaveOutcome): boolean {
  switch (outcome.state) {
    case "saved":
    case "unchanged":
      return true;
    case "conflict":
      context.open("choose");
      return false;
    case "empty":
      if (context.item && headOf(context.item, 0).text !== null) return true;
      context.say(`Type a caption first, or press ${firstKey(context, "next")} for the next image.`);
      return false;
    case "emptied":
      context.say("Once more takes the caption away. Undo brings it back.");
      context.askAgain("take away");
      return false;
    case "later":
      context.askAgain("image");
      return false;
    case "problem":
      context.say(outcome.problem);
      return false;
  }
}

function saveAnd(context: CommandContext, then: () => void, text?: string): void {
  const outcome = context.editor.save({ takeAway: context.isTakingAway, ...(text === undefined ? {} : { text }) });
  if (settled(context, outcome)) then();
  else forgetEnter();
}

export function saveAndGoOn(context: CommandContext): void {
  markEnter();
  saveAnd(context, context.navigation.goOn);
}

function stepTo(context: CommandContext, to: number | undefined, words: string): void {
  if (to === undefined) return context.say(words);
  markEnter();
  context.navigation.goTo(to);
}

function copyPrevious(context: CommandContext): void {
  const { id, image, nearby } = context;
  const before = nearby.previous === undefined ? undefined : imageOf(nearby.previous);
  const text = lastText(pastSaves.value, id, image, openSlot(image)) ?? (before ? headOf(before, 0).text : null);
  if (text === null) return context.say("There is no caption before this one to copy.");
  writeInto(context.box.current, text, { whole: true });
}

/** Restores a former text: written into the box, so that Ctrl+Z brings back what was there, and saved. */
export function restore(context: CommandContext, text: string): void {
  writeInto(context.box.current, text, { whole: true });
  saveAnd(context, () => context.say("Restored."), text);
}

function undo(context: CommandContext): void {
  const undone = undoLast(context.id);
  if ("problem" in undone) return context.say(undone.problem);
  const { save } = undone;
  showSlot(save.image_id, save.slot);
  if (save.image_id !== context.image) context.navigation.goTo(save.image_id);
  context.say(save.before === null ? "Undone: this image has no caption again." : "Undone: the text before is back.");
}

async function toUncaptioned(context: CommandContext): Promise<void> {
  if (filterQuery(context.filter) === "") return context.navigation.goOn();
  try {
    const { items } = await getNeighbours(context.image, { ...context.filter, status: "uncaptioned" }, 1);
    rememberImages(items);
    const found = items.find((item) => item.id > context.image) ?? items.find((item) => item.id !== context.image);
    if (found) context.navigation.goTo(found.id);
    else context.say("No other image of this filter waits for a caption.");
  } catch {
    context.say("The server does not answer: the next one is not known yet.");
  }
}

function review(context: CommandContext): void {
  const { item, editor } = context;
  if (!item) return;
  if (item.reviewed_by) return setReviewed(item, false);
  const problem = reviewProblem(item, editor.text !== editor.submitted);
  if (problem !== null) return context.say(problem);
  setReviewed(item, true);
  if (filterQuery(context.filter) !== "") context.navigation.goOn();
  else if (context.nearby.next !== undefined) context.navigation.goTo(context.nearby.next);
}

function addCaption(context: CommandContext): void {
  if (context.editor.text.trim() === "") return context.say("Type this caption first, then one more.");
  const free = freeSlot(context.slots);
  if (free === null) return context.say("An image has at most ten captions.");
  saveAnd(context, () => showSlot(context.image, free));
}

function besideSlot(context: CommandContext, step: 1 | -1): boolean {
  if (context.slots.length < 2) return false;
  showSlot(context.image, slotBeside(context.slots, openSlot(context.image), step));
  return true;
}

/** Saves a suggestion where nothing stands yet; else it goes into the box, and nothing is overwritten unseen. */
export function accept(context: CommandContext, text: string | undefined): boolean {
  if (text === undefined) return false;
  if (context.editor.text.trim() !== "" || context.editor.submitted !== "") return edit(context, text);
  markEnter();
  saveAnd(context, context.navigation.goOn, text);
  return true;
}

export function edit(context: CommandContext, text: string | undefined): boolean {
  if (text === undefined) return false;
  writeInto(context.box.current, text, { whole: true });
  context.say(`${firstKey(context, "save")} saves it. Ctrl+Z brings your text back.`);
  return true;
}

/** Takes one of several captions away. */
export function removeSlot({ id, image, item, say }: CommandContext, slot: number): void {
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

function choose(context: CommandContext): void {
  if (openConflicts(context.id).some((entry) => entry.state === "conflict")) context.open("choose");
  else context.say("There is no conflict to decide.");
}

const pan = (context: CommandContext, x: number, y: number): boolean => context.viewer.current?.pan({ x: x * PAN_PX, y: y * PAN_PX }) ?? false;

/** Moves a large picture by an arrow key. */
export function panBy(context: CommandContext, key: string): boolean {
  const [x, y] = ({ ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] } as Record<string, [number, number]>)[key] ?? [0, 0];
  return pan(context, x, y);
}

/** What a command does to the open page; false: its key stays what it is in any text. */
export function runCommand(command: Command, context: CommandContext): boolean | void {
  const { item, suggestions, navigation } = context;
  const numbered = /^(accept|edit)([1-5])$/.exec(command);
  if (numbered) return (numbered[1] === "accept" ? accept : edit)(context, suggestions[Number(numbered[2]) - 1]?.text);
  switch (command) {
    case "save":
      return saveAndGoOn(context);
    case "stay":
      return saveAnd(context, () => context.say("Saved in the background."));
    case "complete":
      if (context.offer.current === "") return false;
      return writeInto(context.box.current, context.offer.current);
    case "copy":
      return copyPrevious(context);
    case "undo":
      return undo(context);
    case "history":
      return context.open("history");
    case "choose":
      return choose(context);
    case "next":
      return stepTo(context, context.nearby.next, "This is the last image.");
    case "previous":
      return stepTo(context, context.nearby.previous, "This is the first image.");
    case "uncaptioned":
      return void toUncaptioned(context);
    case "skip":
      skip(context.image);
      return navigation.goOn();
    case "leave":
      return go(datasetPath(context.id));
    case "add":
      return addCaption(context);
    case "slotDown":
      return besideSlot(context, 1);
    case "slotUp":
      return besideSlot(context, -1);
    case "review":
      return review(context);
    case "flag":
      return item && setFlag(item, !item.flagged_by);
    case "note":
      return context.open("note");
    case "zoom":
      return context.viewer.current?.zoom();
    case "panLeft":
      return pan(context, 1, 0);
    case "panRight":
      return pan(context, -1, 0);
    case "panUp":
      return pan(context, 0, 1);
    case "panDown":
      return pan(context, 0, -1);
    case "help":
      return context.open("help");
    case "dismiss":
      return suggestions[0] ? dismiss(context.image, suggestions[0].text) : undefined;
  }
}
