/** The size of the pictures, kept in this browser. */
import type { Size } from "./grid-layout";

const KEY = "clip-browser.grid-size";

export function keptSize(): Size {
  const kept = localStorage.getItem(KEY);
  return kept === "small" || kept === "large" ? kept : "medium";
}

export function keepSize(size: Size): void {
  localStorage.setItem(KEY, size);
}
