/** The address bar as a signal. Ordinary links to own pages change it without loading the page anew. */
import { computed, signal } from "@preact/signals";
import { parseRoute } from "./routes";

interface Here {
  path: string;
  search: string;
}

const read = (): Here => ({ path: location.pathname, search: location.search });
const here = signal<Here>({ path: "/", search: "" });

export const path = computed(() => here.value.path);
export const route = computed(() => parseRoute(here.value.path));
export const params = computed(() => new URLSearchParams(here.value.search));

/** Goes to an address of the dashboard. `replace` leaves no entry in the history. */
export function go(to: string, { replace = false } = {}): void {
  const before = location.pathname;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  here.value = read();
  if (before !== location.pathname) window.scrollTo(0, 0);
}

function ownLink(event: MouseEvent): HTMLAnchorElement | null {
  if (event.defaultPrevented || event.button !== 0) return null;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null;
  const link = (event.target as Element | null)?.closest?.("a");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return null;
  const isServed = /^\/(api|healthz|readyz|metrics|openapi\.json)(\/|$)/.test(link.pathname);
  return isServed ? null : link;
}

/** Starts to follow the address bar and clicks on links. */
export function startRouter(): void {
  here.value = read();
  addEventListener("popstate", () => {
    here.value = read();
  });
  document.addEventListener("click", (event) => {
    const link = ownLink(event);
    if (!link) return;
    if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}
