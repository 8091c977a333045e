import { expect, it } from "vitest";
import { nearest } from "./nearest.ts";

const FLAGS = ["--lose-rows", "--lose-writes", "--config", "--json"];

it.each([
  ["--lose-row", "--lose-rows"],
  ["--loose-rows", "--lose-rows"],
  ["--jsno", "--json"],
  ["--colour", undefined],
  ["-x", undefined],
])("%s was meant to be %s", (word, meant) => {
  expect(nearest(word, FLAGS)).toBe(meant);
});

it("knows nothing where there are no candidates", () => {
  expect(nearest("deplyo", [])).toBeUndefined();
});
