/** The open page as a whole: what its parts show, and what its commands need. */
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ImageItem } from "../../../api/images";
import { headOf } from "../../../state/captions/heads";
import { captionsVersion } from "../../../state/datasets/live-datasets";
import { fetchImage } from "../../../state/images/live-images";
import { myName } from "../../../state/people/session";
import { whyICannot } from "../../../state/people/roles";
import { announce } from "../../../state/toasts";
import type { Vocabulary } from "../../../text/captions/completion";
import { filterQuery, type ImageFilter } from "../../../text/images/image-filter";
import { type Claims, useClaims } from "./claim/claims";
import { type CommandContext, panBy, type Panel, runCommand, saveAndGoOn } from "./command-actions";
import type { Command } from "./keys/commands";
import { keysOf } from "./keys/kept-keys";
import { useCommands } from "./keys/keyboard";
import { useNavigation } from "./navigation/navigation";
import { useNearbyImages } from "./navigation/nearby-images";
import type { Viewer } from "./picture/picture";
import { useSuggestions } from "./suggestions/use-suggestions";
import { useEditor } from "./write/editor";
import { openSlot, shownSlots } from "./write/open-slot";
import { useVocabulary } from "./write/vocabulary";

/** What is asked for once more: a save when the image is there, or that an emptied box takes a caption away. */
interface Asked {
  what: "image" | "take away";
  image: number;
  slot: number;
}

function useAsked(image: number, slot: number) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const now = asked?.image === image && asked.slot === slot ? asked.what : null;
  return { asked: now, askAgain: (what: Asked["what"]) => setAsked({ what, image, slot: openSlot(image) }), forget: () => setAsked(null) };
}

/** One sentence under the box. It goes when the text or the image changes after it was said. */
function useHint(image: number, text: string) {
  const [hint, setHint] = useState<{ words: string; place: string | null } | null>(null);
  const place = `${image} ${text}`;
  const say = (words: string) => {
    setHint({ words, place: null });
    announce(words);
  };
  useEffect(() => {
    // only what was shown in this turn: another sentence may have been said since
    if (hint?.place === null) setHint((now) => (now === hint ? { ...hint, place } : now));
    else if (hint && hint.place !== place) setHint((now) => (now === hint ? null : now));
  });
  return { hint: hint?.words ?? "", say };
}

/** Says which image is open to who cannot see it. */
function useSpokenImage(item: ImageItem | undefined): void {
  useEffect(() => {
    if (item) announce(`${item.filename}, ${headOf(item, 0).text === null ? "no caption yet" : "captioned"}`);
  }, [item?.id]);
}

/** Fetches the image anew when many captions were changed at once, without an event for each. */
function useBulkChanges(id: string, image: number): void {
  const changes = captionsVersion(id);
  useEffect(() => {
    if (changes > 0) void fetchImage(image).catch(() => undefined);
  }, [changes]);
}

export interface Captioning {
  context: CommandContext;
  claims: Claims;
  vocabulary: Vocabulary;
  box: RefObject<HTMLTextAreaElement>;
  viewer: { current: Viewer | null };
  offer: { current: string };
  panel: Panel;
  hint: string;
  run: (command: Command) => boolean | void;
  onType: (text: string) => void;
}

/** The image of the address, its neighbours, its text and its keys. */
export function useCaptioning(id: string, image: number, filter: ImageFilter): Captioning {
  const slot = openSlot(image);
  const isFiltered = filterQuery(filter) !== "";
  const claims = useClaims(id, image, !isFiltered && whyICannot(id, "captioner") === "");
  const nearby = useNearbyImages(id, image, filter);
  const upcoming = isFiltered ? nearby.upcoming : claims.upcoming;
  const editor = useEditor({ datasetId: id, image, slot }, claims.item);
  const box = useRef<HTMLTextAreaElement>(null);
  const viewer = useRef<Viewer | null>(null);
  const offer = useRef("");
  const [panel, open] = useState<Panel>(null);
  const { asked, askAgain, forget } = useAsked(image, slot);
  const { hint, say } = useHint(image, editor.text);
  const context: CommandContext = {
    ...{ id, image, item: claims.item, filter, editor, nearby, say, open, askAgain },
    ...{ box, viewer, offer, isTakingAway: asked === "take away", keymap: keysOf(myName()) },
    slots: shownSlots(image, claims.item),
    navigation: useNavigation(id, image, filter, upcoming),
    suggestions: useSuggestions(id, image, upcoming.state === "there" ? upcoming.item.id : null, editor.submitted),
  };
  const run = (command: Command) => runCommand(command, context);
  useCommands({ box, keymap: context.keymap, isEmpty: editor.text === "", isDraft: editor.text !== editor.submitted, act: run, pan: (key) => panBy(context, key) });
  useSpokenImage(claims.item);
  useBulkChanges(id, image);
  useEffect(() => {
    if (claims.item && asked === "image") saveAndGoOn(context);
  }, [claims.item?.id]);
  useEffect(() => {
    if (panel === null) box.current?.focus();
  }, [image, slot, panel]);
  const onType = (text: string) => {
    if (asked !== null) forget();
    editor.type(text);
  };
  return { context, claims, vocabulary: useVocabulary(id), box, viewer, offer, panel, hint, run, onType };
}
