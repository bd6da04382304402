import { describe, expect, test } from "vitest";
import { lastText, type PastSave, withoutSave, withRevision, withSave } from "../../src/state/captions/undo-history";

describe("the history of saves", () => {
  const done = (change: Partial<PastSave> = {}): PastSave => ({ client_id: "a", image_id: 1, slot: 0, dataset_id: "birds", text: "a robin", before: null, revision: null, ...change });

  test("the caption saved before is copied, but not onto itself", () => {
    const sitting = [done(), done({ client_id: "b", image_id: 2, text: "a wren" })];
    expect([lastText(sitting, "birds", 3, 0), lastText(sitting, "birds", 2, 0), lastText(sitting, "fish", 3, 0)]).toEqual(["a wren", "a robin", null]);
  });

  test("a caption that was taken away is not copied", () => {
    expect(lastText([done(), done({ client_id: "b", image_id: 2, text: null })], "birds", 3, 0)).toBe("a robin");
  });

  test("a save learns its revision, and is forgotten when it is undone", () => {
    const sitting = withRevision([done(), done({ client_id: "b" })], "b", 4);
    expect(sitting.map((one) => one.revision)).toEqual([null, 4]);
    expect(withoutSave(sitting, "b")).toHaveLength(1);
  });

  test("only the last two hundred are remembered", () => {
    const many = Array.from({ length: 250 }, (_, at) => done({ client_id: String(at) })).reduce<PastSave[]>((all, one) => withSave(all, one), []);
    expect([many.length, many[0]?.client_id]).toEqual([200, "50"]);
  });
});
