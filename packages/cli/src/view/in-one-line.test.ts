import { expect, it } from "vitest";
import { inOneLine } from "./in-one-line.ts";

it.each([
  ["Away.", "Away."],
  ["1 problem was found.\n  core: .env is missing.", "1 problem was found. core: .env is missing."],
  ["It could not be asked:\n\nfatal: no access\nand more", "It could not be asked: fatal: no access …"],
  ["", ""],
])("a message names in one line also the first of what it lists: %j", (message, line) => {
  expect(inOneLine(message)).toBe(line);
});
