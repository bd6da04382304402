/** Keys and what they do: reading a key, changing a key, keeping the changes. Pure. */
import { type Command, COMMANDS, wordsOf } from "./commands";

export interface Pressed {
  key: string;
  code: string;
  altKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  isComposing: boolean;
  getModifierState?: (name: string) => boolean;
}

/** Each command's keys, such as "Alt+ArrowRight". */
export type Keymap = Readonly<Record<Command, readonly string[]>>;

export const DEFAULT_KEYS = Object.fromEntries(COMMANDS.map(({ command, keys }) => [command, keys])) as unknown as Keymap;

/** Always opens the sheet of keys, whatever else is changed. */
export const HELP_KEY = "F1";

const MODIFIERS = new Set(["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock", "Process", "Unidentified"]);
/** What edits a text anywhere, and stays that way. */
const EDITING = /^(Shift\+)?(Ctrl\+|Meta\+)?(Shift\+)?(Backspace|Delete|Home|End|Arrow(Left|Right|Up|Down)|Space)$|^(Ctrl|Meta)\+(Shift\+)?[ACVXYZ]$/;
/** What no page can take from a browser or a desktop. */
const BROWSER = /^(Ctrl|Meta)\+(Shift\+)?([NTW]|Tab)$|^Alt\+(Shift\+)?(Tab|F4|Space)$|^F(5|11|12)$|^(Ctrl|Meta)\+[LRQ]$/;

/** A letter or digit by what it writes; where Alt writes another sign (macOS, Cyrillic), by its place. */
function keyName({ key, code }: Pressed): string {
  if (/^[a-z0-9]$/i.test(key)) return key.toUpperCase();
  const place = /^(?:Key|Digit)([A-Z0-9])$/.exec(code)?.[1];
  if (place) return place;
  return key === " " ? "Space" : key;
}

/** The key as it is kept: "Alt+Shift+G", "Enter", "?". Null: part of a word, or a modifier alone. */
export function chordOf(event: Pressed): string | null {
  if (event.key === "Dead" && !event.altKey) return null; // an accent; with Alt on a Mac it is a letter's key
  if (event.isComposing || MODIFIERS.has(event.key) || event.getModifierState?.("AltGraph")) return null;
  const isPlain = !event.altKey && !event.ctrlKey && !event.metaKey;
  if (isPlain && [...event.key].length === 1) return event.key === " " ? "Space" : event.key;
  const held = [event.ctrlKey && "Ctrl", event.metaKey && "Meta", event.altKey && "Alt", event.shiftKey && "Shift"];
  return [...held.filter(Boolean), keyName(event)].join("+");
}

const isTyped = (chord: string): boolean => [...chord].length === 1 || chord === "Space";

/** What a key means; isEmpty: nothing is typed, so that "?" is no text. Null: the key is just a key. */
export function commandOf(event: Pressed, keymap: Keymap, isEmpty: boolean): Command | null {
  const chord = chordOf(event);
  if (chord === null || (isTyped(chord) && !isEmpty)) return null;
  if (chord === HELP_KEY) return "help";
  return commandWith(keymap, chord);
}

function commandWith(keymap: Keymap, chord: string): Command | null {
  return COMMANDS.find(({ command }) => keymap[command].includes(chord))?.command ?? null;
}

/** Why a key cannot be given to a command, in one sentence; null when it can. */
export function problemWith(keymap: Keymap, command: Command, chord: string): string | null {
  const shown = keyWords(chord);
  if (chord === HELP_KEY) return `${shown} always opens the sheet of keys.`;
  if (isTyped(chord)) return `${shown} is for typing. Hold Alt or Ctrl with it.`;
  if (EDITING.test(chord)) return `${shown} edits the text, as anywhere. Choose another key.`;
  if (BROWSER.test(chord)) return `The browser keeps ${shown} for itself. Choose another key.`;
  const other = commandWith(keymap, chord);
  return other && other !== command ? `${shown} is taken: "${wordsOf(other)}". Give that one another key first.` : null;
}

/** The keymap with one key for a command, in place of those it had. Call `problemWith` first. */
export const withKey = (keymap: Keymap, command: Command, chord: string): Keymap => ({ ...keymap, [command]: [chord] });

/** The keymap with a command's first keys again, but for those that another command has now. */
export function withoutChange(keymap: Keymap, command: Command): Keymap {
  const free = DEFAULT_KEYS[command].filter((chord) => [null, command].includes(commandWith(keymap, chord)));
  return free.length === 0 ? keymap : { ...keymap, [command]: free };
}

export function isChanged(keymap: Keymap, command: Command): boolean {
  return keymap[command].join(" ") !== DEFAULT_KEYS[command].join(" ");
}

/** Only what was changed, as text to keep. */
export function keptKeys(keymap: Keymap): string {
  const changed = COMMANDS.filter(({ command }) => isChanged(keymap, command));
  return JSON.stringify(Object.fromEntries(changed.map(({ command }) => [command, keymap[command]])));
}

/** The keymap of a kept text. What cannot be read, or would give one key to two commands, is left out. */
export function readKeys(text: string | null): Keymap {
  let kept: Record<string, unknown> = {};
  try {
    kept = (JSON.parse(text ?? "{}") ?? {}) as Record<string, unknown>;
  } catch {
    return DEFAULT_KEYS;
  }
  const changes = COMMANDS.flatMap(({ command }) => {
    const keys = kept[command];
    return Array.isArray(keys) && keys.length > 0 && keys.every((key) => typeof key === "string") ? [[command, keys] as const] : [];
  });
  const keymap: Keymap = { ...DEFAULT_KEYS, ...Object.fromEntries(changes) };
  const all = COMMANDS.flatMap(({ command }) => keymap[command]);
  return new Set(all).size === all.length ? keymap : DEFAULT_KEYS;
}

const SHOWN: Record<string, string> = {
  Escape: "Esc",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "Page Up",
  PageDown: "Page Down",
  Meta: "Cmd",
};

/** The parts of a key as they stand on it: ["Alt", "→"]. */
export const keyParts = (chord: string): string[] => (chord === "+" ? ["+"] : chord.split("+").map((part) => SHOWN[part] ?? part));

/** "Alt+→". */
export const keyWords = (chord: string): string => keyParts(chord).join("+");
