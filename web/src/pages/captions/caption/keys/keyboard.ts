/** The keys of the captioning page at work. */
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Command } from "./commands";
import { commandOf, type Keymap } from "./keymap";

/** Where a key belongs: to the box, to the page, or to something else that has the focus. */
function ownerOf(target: EventTarget | null, box: HTMLElement | null): "box" | "page" | "other" {
  if (target === box) return "box";
  if (document.querySelector("dialog[open]")) return "other"; // also when nothing in it has the focus
  if (!(target instanceof Element)) return "page";
  if (target.closest("dialog, input, select, textarea, .tray")) return "other";
  return "page";
}

function isForControl(event: KeyboardEvent): boolean {
  const isPressing = event.key === "Enter" || event.key === " " || event.key === "Tab";
  return isPressing && !event.altKey && (event.target as Element).closest("a, button, [tabindex='0']") !== null;
}

export interface Keyboard {
  box: RefObject<HTMLTextAreaElement>;
  keymap: Keymap;
  /** Nothing is typed. */
  isEmpty: boolean;
  /** Something is typed that is not saved. */
  isDraft: boolean;
  /** Does what the command says; false: the key stays what it is in any text. */
  act: (command: Command) => boolean | void;
  /** Moves a zoomed picture; false when it is not zoomed. */
  pan: (key: string) => boolean;
}

/** Runs `act` for each command, and brings what is typed anywhere on the page into the box. */
export function useCommands(keyboard: Keyboard): void {
  const latest = useRef(keyboard);
  latest.current = keyboard;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const { box, keymap, isEmpty, isDraft, act, pan } = latest.current;
      const owner = ownerOf(event.target, box.current);
      if (owner === "other" || event.defaultPrevented) return;
      if (owner === "page" && isForControl(event)) return;
      if (owner === "box" && isDraft && isWordStep(event)) return;
      const command = commandOf(event, keymap, isEmpty);
      if (command ? act(command) !== false : isEmpty && isBareArrow(event) && pan(event.key)) return event.preventDefault();
      if (!command && owner === "page" && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) box.current?.focus();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

const IS_MAC = /Mac|iP(hone|ad)/.test(navigator.platform);

/** On a Mac, Alt with an arrow moves the cursor by a word: who is typing needs that. */
const isWordStep = (event: KeyboardEvent): boolean =>
  IS_MAC && event.altKey && !event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight");

const isBareArrow = (event: KeyboardEvent): boolean =>
  event.key.startsWith("Arrow") && !event.altKey && !event.ctrlKey && !event.metaKey && !event.shiftKey;
