import { describe, expect, test } from "vitest";
import type { Job } from "../../src/api/jobs";
import { BLANK_EDIT, editRequest, editVerb, previewWords, scopeWords } from "../../src/pages/captions/bulk-edit/edit-form";
import { endingText } from "../../src/text/jobs/job-words";

describe("the form of an edit", () => {
  const scope = { filter: { status: "captioned" as const }, chosen: null, count: 1240 };

  test("says for which images it is", () => {
    expect(scopeWords({ ...scope, filter: {} })).toBe("all 1,240 images");
    expect(scopeWords(scope)).toBe("all 1,240 images shown (captioned)");
    expect(scopeWords({ ...scope, chosen: [1] })).toBe("1 chosen image");
  });

  test("asks only once it is complete, and for chosen images without the filter", () => {
    expect(editRequest(BLANK_EDIT, scope)).toBeNull();
    expect(editRequest({ ...BLANK_EDIT, mode: "append", text: " " }, scope)).toBeNull();
    expect(editRequest({ ...BLANK_EDIT, find: "cat" }, scope)).toMatchObject({ mode: "replace", find: "cat", text: "", whole_words: true, filter: { status: "captioned" } });
    expect(editRequest({ ...BLANK_EDIT, mode: "clear" }, { ...scope, chosen: [7] })).toEqual({ mode: "clear", filter: {}, image_ids: [7] });
  });

  test("says what changes", () => {
    expect(previewWords({ count: 3, images: 2, unchanged: 0 })).toBe("3 captions of 2 images change.");
    expect(previewWords({ count: 1, images: 1, unchanged: 4 })).toBe("1 caption changes. 4 stay as they are.");
    expect(previewWords({ count: 0, images: 0, unchanged: 4 })).toBe("No caption changes.");
    expect(editVerb("prepend", 2)).toBe("Add to 2 captions");
  });

  test("the end of an edit and of its undo is told in numbers", () => {
    const job = (kind: string, result: object) => ({ kind, params: {}, state: "succeeded", progress: {}, result, error: null }) as unknown as Job;
    expect(endingText(job("edit_captions", { changed: 312, conflicts: 2, rejected_count: 1 }))).toBe("Edit captions: 312 captions changed, 2 left as changed meanwhile, 1 refused.");
    expect(endingText(job("undo_edit", { restored: 1, kept: 0 }))).toBe("Undo edit: 1 caption restored.");
  });
});
