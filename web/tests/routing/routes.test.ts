import { describe, expect, test } from "vitest";
import { captionPath, datasetOf, datasetPath, parseRoute, runPath, safeNext, searchPath } from "../../src/routing/routes";

describe("addresses", () => {
  test.each([
    ["/", { page: "datasets" }],
    ["/d/birds", { page: "overview", dataset: "birds" }],
    ["/d/birds/", { page: "overview", dataset: "birds" }],
    ["/d/birds/images", { page: "images", dataset: "birds" }],
    ["/d/birds/caption", { page: "caption", dataset: "birds", image: null }],
    ["/d/birds/caption/12", { page: "caption", dataset: "birds", image: 12 }],
    ["/d/birds/prepare", { page: "prepare", dataset: "birds" }],
    ["/d/birds/train", { page: "train", dataset: "birds" }],
    ["/d/birds/search", { page: "search", dataset: "birds" }],
    ["/d/birds/map", { page: "map", dataset: "birds" }],
    ["/runs/7", { page: "run", job: "7" }],
    ["/compare", { page: "compare" }],
    ["/models", { page: "models" }],
    ["/jobs", { page: "jobs" }],
    ["/workers", { page: "workers" }],
    ["/d/birds/people", { page: "people", dataset: "birds" }],
    ["/people", { page: "everybody" }],
    ["/settings", { page: "settings" }],
    ["/signin", { page: "signin" }],
  ])("%s is a page", (path, route) => {
    expect(parseRoute(path)).toEqual(route);
  });

  test.each(["/nothing", "/d/birds/caption/robin", "/d/birds/caption/1/2", "/d/birds/nothing", "/runs", "/jobs/7"])("%s is nowhere", (path) => {
    expect(parseRoute(path)).toEqual({ page: "nowhere" });
  });

  test("what is built is read back", () => {
    expect(parseRoute(datasetPath("a b/c"))).toEqual({ page: "overview", dataset: "a b/c" });
    expect(parseRoute(captionPath("birds", 3))).toEqual({ page: "caption", dataset: "birds", image: 3 });
    expect(parseRoute(runPath("x/y"))).toEqual({ page: "run", job: "x/y" });
  });

  test("a malformed escape is shown as it is, not thrown", () => {
    expect(parseRoute("/d/%E0%A4%A")).toEqual({ page: "overview", dataset: "%E0%A4%A" });
  });

  test("a search leaves out what is not there", () => {
    expect(searchPath("birds", { q: "a red robin", model: "", like: null })).toBe("/d/birds/search?q=a+red+robin");
    expect(searchPath("birds", {})).toBe("/d/birds/search");
  });

  test("only places in a dataset have a dataset", () => {
    expect([datasetOf(parseRoute("/d/birds/map")), datasetOf(parseRoute("/jobs"))]).toEqual(["birds", null]);
  });

  test.each([null, "", "https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "/signin?next=/"])("after signing in %s leads home", (next) => {
    expect(safeNext(next)).toBe("/");
  });

  test("after signing in one goes on to where one wanted to go", () => {
    expect(safeNext("/d/birds/search?q=x")).toBe("/d/birds/search?q=x");
  });
});
