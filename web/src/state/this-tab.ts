/** This tab of this browser. */
import { keptByTab } from "./browser-storage";
import { openTabs, type Tabs } from "./tabs";

let opened: Promise<Tabs> | null = null;

/** Known after a few milliseconds; where a browser has no Web Locks, after half a second. */
export function thisTab(): Promise<Tabs> {
  opened ??= openTabs({
    storage: keptByTab,
    locks: globalThis.navigator?.locks,
    channel: (name) => (typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(name)),
  });
  return opened;
}
