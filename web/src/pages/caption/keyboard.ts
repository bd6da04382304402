/** Keys of the captioning page. */
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

export type Command = "save" | "leave" | "next" | "previous" | "help";

interface Pressed {
  key: string;
  altKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  isComposing: boolean;
}

/** What a key means; isEmpty: nothing is typed. Null: it is just typed. Pure. */
export function commandOf(event: Pressed, isEmpty: boolean): Command | null {
  if (event.isComposing || event.ctrlKey || event.metaKey) return null;
  if (event.key === "PageDown" || (event.altKey && event.key === "ArrowRight")) return "next";
  if (event.key === "PageUp" || (event.altKey && event.key === "ArrowLeft")) return "previous";
  if (event.altKey) return null;
  if (event.key === "Enter") return "save";
  if (event.key === "Escape") return "leave";
  return event.key === "?" && isEmpty ? "help" : null;
}

/** Where a key belongs: to the box, to the page, or to something else that has the focus. */
function ownerOf(target: EventTarget | null, box: HTMLElement | null): "box" | "page" | "other" {
  if (target === box) return "box";
  if (!(target instanceof Element)) return "page";
  if (target.closest("dialog, input, select, textarea, .tray")) return "other";
  return "page";
}

/** Runs `act` for each command, and brings what is typed anywhere on the page into the box. */
export function useCommands(box: RefObject<HTMLTextAreaElement>, isEmpty: boolean, act: (command: Command) => void): void {
  const latest = useRef({ isEmpty, act });
  latest.current = { isEmpty, act };
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const owner = ownerOf(event.target, box.current);
      if (owner === "other" || event.defaultPrevented) return;
      const command = commandOf(event, latest.current.isEmpty);
      const isOnControl = owner === "page" && (event.target as Element).closest("a, button") !== null;
      if (isOnControl && (event.key === "Enter" || event.key === " ")) return;
      if (command) {
        event.preventDefault();
        latest.current.act(command);
      } else if (owner === "page" && event.key.length === 1 && !event.ctrlKey && !event.metaKey) {
        box.current?.focus();
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}
