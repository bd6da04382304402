import { describe, expect, test } from "vitest";
import { errorFrom, OFFLINE, query } from "../../src/api/http";

describe("answers of the API", () => {
  test("an error keeps its code, message and remedy", () => {
    const error = errorFrom(409, { code: "no_split", message: "Not split.", remedy: "Split first." });
    expect(error).toMatchObject({ status: 409, code: "no_split", message: "Not split.", remedy: "Split first." });
  });

  test("a conflict's current caption is found beside the message", () => {
    expect(errorFrom(409, { code: "caption_conflict", message: "", remedy: "", current: { revision: 2 } }).details).toEqual({ current: { revision: 2 } });
  });

  test("a page of a proxy in front of a dead server counts as offline", () => {
    expect(errorFrom(502, "<html>Bad Gateway</html>")).toBe(OFFLINE);
  });

  test("a query leaves out what is not there", () => {
    expect([query({ q: "a&b", k: 3, model: undefined, like: null }), query({})]).toEqual(["?q=a%26b&k=3", ""]);
  });
});
