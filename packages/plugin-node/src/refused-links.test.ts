import { describe, expect, it } from "vitest";
import { cure, refusalReader, refusedDirectory } from "./refused-links.ts";

/** What Next.js 16.4.6 prints. */
const OUTPUT = `▲ Next.js 16.4.6 (Turbopack)
> Build error occurred
Error [TurbopackInternalError]: Failed to write app endpoint /page

Caused by:
- [project]/src/app/api/file/route.ts [app-route] (ecmascript)
- Symlink public/uploads/x.txt could not be resolved: the symlink target leaves the configured filesystem roots

Debug info:
- [project]/src/app/other/route.ts [app-route] (ecmascript)`;

function read(text: string): ReturnType<ReturnType<typeof refusalReader>["refusal"]> {
  const reader = refusalReader();
  for (const line of text.split("\n")) reader.read(line);
  return reader.refusal();
}

describe("Turbopack's refusal of a link", () => {
  it("is read with the link and the source that names it", () => {
    expect(read(OUTPUT)).toEqual({ link: "public/uploads/x.txt", source: "src/app/api/file/route.ts" });
  });

  it("is read in its other wording, and without a source", () => {
    const line = "Symlink data/core.db leaves the filesystem root or its parent directory";
    expect(read(line)).toEqual({ link: "data/core.db", source: undefined });
  });

  it("is not seen in another failure", () => {
    expect(read("Module not found: Can't resolve './basket'\nSymlink is a word")).toBeUndefined();
  });

  const shared = [
    { path: ".env", kind: "file" },
    { path: "data", kind: "directory" },
    { path: "public/uploads", kind: "directory" },
  ] as const;

  it.each([
    ["public/uploads/x.txt", "public/uploads"],
    ["apps/web/public/uploads", "public/uploads"],
    [".rehearsal/data/other.db", "data"],
    ["metadata/x", undefined],
    [".env", undefined],
  ])("of %s is laid to the shared directory %s", (link, path) => {
    expect(refusedDirectory({ link, source: undefined }, shared)?.path).toBe(path);
  });

  it("has a cure that names the source", () => {
    expect(cure("src/files.ts")).toContain("in src/files.ts: path.join(/* turbopackIgnore: true */ process.cwd()");
  });
});
