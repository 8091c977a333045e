import { expect, it } from "vitest";
import { formatBytes, parseBytes } from "./bytes.ts";

it.each([
  ["4 GiB", 4 * 2 ** 30],
  ["1.5MiB", 1.5 * 2 ** 20],
  ["200 MB", 200e6],
  ["12", 12],
  [" 7 b ", 7],
  [0, 0],
])("%s is %i bytes", (text, bytes) => expect(parseBytes(text)).toBe(bytes));

it.each(["", "many", "4 Gigs", "-1", "1,5 GiB", -1, 1.5, Number.NaN])("%s is no number of bytes", (text) =>
  expect(parseBytes(text)).toBeUndefined(),
);

it.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1536, "1.5 KiB"],
  [200 * 2 ** 20, "200 MiB"],
  [5000 * 2 ** 40, "5000 TiB"],
])("%i bytes are shown as %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
