import { expect, it } from "vitest";
import { releaseId } from "./release-id.ts";

const NOW = Date.UTC(2026, 10, 20, 18, 45, 0, 999);
const HASH = "3f2a1bc9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3";

it("a release is named after the second of its making, in UTC, and its commit", () => {
  expect(releaseId(NOW, HASH, () => false)).toBe("20261120T184500Z-3f2a1bc");
});

it("a name that is taken gets the next free number", () => {
  const taken = new Set(["20261120T184500Z-3f2a1bc", "20261120T184500Z-3f2a1bc-2"]);
  expect(releaseId(NOW, HASH, (id) => taken.has(id))).toBe("20261120T184500Z-3f2a1bc-3");
});
