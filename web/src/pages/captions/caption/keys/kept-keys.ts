/** The keys of the captioning page as this person has them, kept in this browser. */
import { signal } from "@preact/signals";
import { kept, stored } from "../../../../state/browser-storage";
import { DEFAULT_KEYS, keptKeys, type Keymap, readKeys } from "./keymap";

const KEYS = "clip-browser.keys.";
const current = signal<{ name: string; keymap: Keymap } | null>(null);

/** The keys of the person who is signed in. */
export function keysOf(name: string): Keymap {
  if (current.value?.name === name) return current.value.keymap;
  return readKeys(kept.getItem(KEYS + name));
}

export function setKeys(name: string, keymap: Keymap): void {
  current.value = { name, keymap };
  const text = keptKeys(keymap);
  if (text === "{}") kept.removeItem(KEYS + name);
  else stored(() => kept.setItem(KEYS + name, text));
}

export const resetKeys = (name: string): void => setKeys(name, DEFAULT_KEYS);
