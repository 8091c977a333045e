import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { generatedPages } from "../scripts/docs/pages.ts";

describe("reference pages", () => {
  it.each(Object.entries(generatedPages()))(
    "docs/%s is what the code says; `npm run docs` writes it anew",
    (name, text) => {
      const path = fileURLToPath(new URL(`../docs/${name}`, import.meta.url));
      expect(readFileSync(path, "utf8")).toBe(text);
    },
  );
});
