/** The browser's storages, also where a browser forbids them: then what is kept lasts as long as the page. */
import { signal } from "@preact/signals";
import type { KeyValueStorage } from "./key-value-storage";

function inMemory(): KeyValueStorage {
  const kept = new Map<string, string>();
  return {
    get length() {
      return kept.size;
    },
    key: (index) => [...kept.keys()][index] ?? null,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

function open(name: "localStorage" | "sessionStorage"): KeyValueStorage {
  try {
    return globalThis[name] ?? inMemory();
  } catch {
    return inMemory();
  }
}

export const kept = open("localStorage");
export const keptByTab = open("sessionStorage");

/** The last thing could not be stored: the storage is full. */
export const isFull = signal(false);

export const FULL_WORDS =
  "This browser's storage is full: the caption stays in the box. Free some of it (data of websites), then save again.";

/** Stores, and notes whether there was room. False: the storage is full. */
export function stored(store: () => void): boolean {
  try {
    store();
    isFull.value = false;
    return true;
  } catch {
    isFull.value = true;
    return false;
  }
}
