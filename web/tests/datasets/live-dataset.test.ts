import { h, render } from "preact";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Dataset } from "../../src/api/datasets";

const dataset = (captioned: number) => ({ id: "cats", name: "Cats", counts: { images: 9, captioned } }) as unknown as Dataset;
const soon = () => new Promise((done) => setTimeout(done, 50)); // effects run within 35 ms where nothing is drawn
type Live = typeof import("../../src/state/datasets/live-datasets");
type Answer = (found: Dataset) => void;
const timers: ReturnType<typeof setTimeout>[] = [];
const later = (act: () => void, delay_ms: number) => void timers.push(setTimeout(act, delay_ms));

/** Just enough of a page to mount a component that draws nothing. */
function stubPage(): Answer[] {
  const asked: Answer[] = [];
  vi.stubGlobal("document", { hidden: false, cookie: "", addEventListener: () => undefined });
  vi.stubGlobal("window", { setInterval: () => 0, setTimeout: later });
  vi.stubGlobal("clearInterval", () => undefined);
  vi.stubGlobal("fetch", () => new Promise((answer) => asked.push((found) => answer(Response.json(found)))));
  return asked;
}

describe("a dataset on a page", () => {
  let live: Live;
  let asked: Answer[];
  let shown: number[];
  let page: { childNodes: []; firstChild: null };

  beforeEach(async () => {
    vi.resetModules();
    asked = stubPage();
    live = await import("../../src/state/datasets/live-datasets");
    shown = [];
    page = { childNodes: [], firstChild: null };
    const Counts = () => {
      const { data } = live.useDataset("cats");
      if (data && data.counts.captioned !== shown.at(-1)) shown.push(data.counts.captioned);
      return null;
    };
    render(h(Counts, {}), page as unknown as Element);
    await vi.waitFor(() => expect(asked).toHaveLength(1), { timeout: 1000 });
  });

  afterEach(() => {
    render(null, page as unknown as Element);
    timers.splice(0).forEach(clearTimeout);
    vi.unstubAllGlobals();
  });

  test("follows the counts that come with events, and is asked for once", async () => {
    asked[0]!(dataset(1));
    await soon();
    live.acceptDataset("cats", dataset(2));
    await soon();
    live.acceptDataset("cats", dataset(3));
    await soon();
    expect(shown).toEqual([1, 2, 3]);
    expect(asked).toHaveLength(1);
  });

  test("told while it is asked for, it does not go back to the answer", async () => {
    live.acceptDataset("cats", dataset(5));
    await soon();
    asked[0]!(dataset(4));
    await soon();
    expect(shown).toEqual([5]);
  });

  test("asked for after it was told, it is as the answer says", async () => {
    asked[0]!(dataset(1));
    live.acceptDataset("cats", dataset(2));
    await soon();
    live.touchDataset("cats"); // an event without counts
    await vi.waitFor(() => expect(asked).toHaveLength(2), { timeout: 1000 });
    asked[1]!(dataset(7));
    await soon();
    expect(shown.at(-1)).toBe(7);
  });

  test("of another dataset nothing is shown here", async () => {
    asked[0]!(dataset(1));
    await soon();
    live.acceptDataset("dogs", dataset(8));
    await soon();
    expect(shown).toEqual([1]);
  });
});
