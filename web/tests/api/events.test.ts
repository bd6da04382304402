import { describe, expect, test } from "vitest";
import { type Batch, type Told, unpack } from "../../src/api/events";

describe("a batch of events", () => {
  test("each event goes to its handler, in the order it was told", () => {
    const heard: [string, unknown][] = [];
    const listen = (name: string) => (data?: unknown) => void heard.push([name, data]);
    const names = ["job", "caption", "image", "caption_conflict", "dataset", "queue", "presence", "many_captions", "missed"];
    const handlers = Object.fromEntries(names.map((name) => [name, listen(name)])) as unknown as Told;
    const events: Batch["events"] = [
      ["caption", { image_id: 2 }],
      ["dataset", { dataset_id: "cats", dataset: null }],
      ["caption", { image_id: 1 }],
      ["of a newer server", {}],
      ["toString", {}],
      ["missed", {}],
    ];
    unpack({ room: "dataset:cats", events }, handlers);
    expect(heard).toEqual(events.filter(([name]) => names.includes(name)));
  });
});
