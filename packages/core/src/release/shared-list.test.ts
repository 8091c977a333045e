import { describe, expect, it } from "vitest";
import type { ConfigProblem } from "../config/config-error.ts";
import type { SharedInput } from "../config/schema.ts";
import { mergeShared, overlap, parseShared } from "./shared-list.ts";
import { entryFor, type Substitute } from "./shared-path.ts";

function parse(...list: SharedInput[]): { entries: unknown[]; problems: string[] } {
  const problems: ConfigProblem[] = [];
  const entries = parseShared(list, problems);
  return { entries, problems: problems.map(({ option, problem }) => `${option}: ${problem}`) };
}

describe("the list of shared paths", () => {
  it("takes a slash at the end for a directory", () => {
    expect(parse(".env", "data/", "public/uploads/").entries).toEqual([
      { path: ".env", kind: "file" },
      { path: "data", kind: "directory" },
      { path: "public/uploads", kind: "directory" },
    ]);
  });

  it("means the same path however it is written", () => {
    expect(parse("./data//sub/./").entries).toEqual([{ path: "data/sub", kind: "directory" }]);
  });

  it("keeps what an entry says beside its path", () => {
    expect(parse({ path: ".env.local", mayBeMissing: true }, { path: "content/", seed: true }).entries).toEqual([
      { path: ".env.local", kind: "file", mayBeMissing: true },
      { path: "content", kind: "directory", seed: true },
    ]);
  });

  it.each([
    ["the app itself", ["./"], "the app itself cannot be shared"],
    ["node_modules", ["node_modules/"], '"node_modules" belongs to the release'],
    ["something in node_modules", ["node_modules/.cache/"], '"node_modules" belongs to the release'],
    ["REVISION", ["REVISION"], '"REVISION" belongs to the release'],
    ["the stand-ins", [".rehearsal/x"], '".rehearsal" belongs to the release'],
    ["the repository", [".git/"], '".git" belongs to the release'],
    ["a write-ahead log", ["data/core.db-wal"], "companion files"],
    ["a shared-memory file", ["data/core.db-shm"], "companion files"],
    ["a rollback journal", ["data/core.db-journal"], "companion files"],
  ])("refuses %s", (_title, list, problem) => {
    expect(parse(...list).problems.join()).toContain(problem);
  });

  it.each([
    [["data/", "data/core.db"], '"data/core.db" overlaps "data"'],
    [["data/core.db", "data/"], '"data" overlaps "data/core.db"'],
    [["data/", "data"], '"data" is named as a file and as a directory'],
  ])("refuses paths of which one holds the other: %j", (list, problem) => {
    expect(parse(...list).problems).toEqual([expect.stringContaining(`shared[1]: ${problem}`)]);
  });

  it("takes neighbours whose names begin alike for what they are", () => {
    expect(parse("data/", "database/", "data.json").problems).toEqual([]);
  });

  it("takes the same entry twice as one", () => {
    expect(parse("data/", "data/").problems).toEqual([]);
  });

  it("tells every problem with its place", () => {
    expect(parse("node_modules/", ".env", ".git/").problems.map((text) => text.split(":")[0])).toEqual([
      "shared[0]",
      "shared[2]",
    ]);
  });
});

describe("merging", () => {
  const substitute = (): Substitute => ({ owns: [], fill: async () => undefined });

  it("makes equal entries one, with the substitutes of all", () => {
    const [a, b] = [substitute(), substitute()];
    expect(
      mergeShared([
        { path: "data", kind: "directory" },
        { path: "data", kind: "directory", substitutes: [a] },
        { path: "data", kind: "directory", substitutes: [a, b] },
      ]),
    ).toEqual([{ path: "data", kind: "directory", mayBeMissing: false, seed: false, substitutes: [a, b] }]);
  });

  it("lets a file be missing only when all who share it say so", () => {
    const missing = { path: ".env", kind: "file", mayBeMissing: true } as const;
    expect(mergeShared([missing, { ...missing }])[0]?.mayBeMissing).toBe(true);
    expect(mergeShared([missing, { path: ".env", kind: "file" }])[0]?.mayBeMissing).toBe(false);
  });

  it("keeps the order in which the paths were first named", () => {
    const entry = (path: string) => ({ path, kind: "file" }) as const;
    expect(mergeShared([entry("b"), entry("a"), entry("b")]).map(({ path }) => path)).toEqual(["b", "a"]);
  });
});

it("an entry stands for itself and, when it is a directory, for what lies below it", () => {
  const paths = [
    { path: "data", kind: "directory" },
    { path: ".env", kind: "file" },
  ] as const;
  expect(entryFor(paths, "data")).toBe(paths[0]);
  expect(entryFor(paths, "data/sub/core.db")).toBe(paths[0]);
  expect(entryFor(paths, ".env")).toBe(paths[1]);
  expect(entryFor(paths, ".env/x")).toBeUndefined();
  expect(entryFor(paths, "database/x")).toBeUndefined();
});

it("the same path beside itself is no overlap", () => {
  expect(overlap({ path: "a", kind: "file" }, [{ path: "a", kind: "file" }])).toBeUndefined();
});
