/** Captions that somebody typed in this browser under an earlier name, and that were not sent. Pure. */
import { type KeyValueStorage, keysWith, parsed } from "../key-value-storage";
import { draftPrefix } from "./drafts";
import { type Entry, ENTRY, storeEntry } from "./outbox";

/** Gives them to the name that the person has now; a draft under the new name stays as it is. */
export function takeOver(storage: KeyValueStorage, former: readonly string[], name: string): void {
  for (const key of keysWith(storage, ENTRY)) {
    const entry = parsed<Entry>(storage.getItem(key));
    if (entry && former.includes(entry.author)) storeEntry(storage, { ...entry, author: name });
  }
  for (const prefix of former.map(draftPrefix)) {
    for (const key of keysWith(storage, prefix)) {
      const target = draftPrefix(name) + key.slice(prefix.length);
      if (storage.getItem(target) === null) storage.setItem(target, storage.getItem(key) ?? "");
      storage.removeItem(key);
    }
  }
}
