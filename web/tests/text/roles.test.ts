import { expect, test } from "vitest";
import { until } from "../../src/text/format";
import { covers, type Role, whyNot } from "../../src/text/people/roles";

test.each<[Role | null, Role, boolean]>([
  ["viewer", "viewer", true],
  ["viewer", "captioner", false],
  ["manager", "captioner", true],
  ["owner", "owner", true],
  [null, "viewer", false],
])("%s may do what a %s may: %s", (role, needed, may) => {
  expect(covers(role, needed)).toBe(may);
});

test("who may not is told what he is, what is needed, and whom to ask", () => {
  expect(whyNot("viewer", "owner")).toBe("This needs an owner of the dataset; you are a viewer. An owner gives roles, under People.");
  expect(whyNot("owner", "manager")).toBe("");
});

test("nothing is refused before it is known what one is", () => {
  expect(whyNot(null, "owner")).toBe("");
});

test.each([
  [-1, "over"],
  [90, "in 2 min"],
  [7200, "in 2 h"],
  [90 * 86400, "in 90 d"],
])("in %s s is %s", (seconds, words) => {
  expect(until(new Date(1_000_000 + seconds * 1000).toISOString(), 1_000_000)).toBe(words);
});
