import { describe, expect, test } from "vitest";
import { filterQuery, filterWords, parseFilter } from "../../src/text/images/image-filter";

describe("filters", () => {
  test("an address is read and written back in one order", () => {
    const filter = parseFilter(new URLSearchParams("q=a+cat&status=uncaptioned&flagged=true&reviewed=false&by=me&longer_than=60"));
    expect(filter).toEqual({ status: "uncaptioned", by: "me", q: "a cat", flagged: true, reviewed: false, longer_than: 60 });
    expect(filterQuery(filter)).toBe("?status=uncaptioned&by=me&q=a+cat&flagged=true&reviewed=false&longer_than=60");
  });

  test("what is not understood is left out", () => {
    expect(parseFilter(new URLSearchParams("status=odd&flagged=maybe&longer_than=-3&by=&else=1"))).toEqual({});
    expect(filterQuery({})).toBe("");
  });

  test("a filter has words", () => {
    expect(filterWords({ status: "captioned", by: "Ada", q: "cat", flagged: false, longer_than: 60 })).toBe('captioned, by Ada, with "cat", not flagged, longer than 60 tokens');
    expect([filterWords({ by: "me", reviewed: true }), filterWords({ has: "several" })]).toEqual(["mine, reviewed", "several captions"]);
  });
});
