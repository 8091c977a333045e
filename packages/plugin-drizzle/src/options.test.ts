import { describe, expect, it } from "vitest";
import { drizzleOptionsSchema } from "./options.ts";

const problems = (databases: unknown): string[] => {
  const result = drizzleOptionsSchema.safeParse({ databases });
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
};

describe("options", () => {
  it("accept a matrix of files and folders", () => {
    expect(
      problems({
        core: { file: "data/core.db", migrations: "drizzle/core" },
        log: { file: "data/log.db", env: "LOG_DB" },
      }),
    ).toEqual([]);
  });

  it("refuse two names for one file, however it is written", () => {
    expect(problems({ core: { file: "data/core.db" }, main: { file: "./data//core.db" } })).toEqual([
      'databases.main.file: is the file of "core" too; a database has one owner',
    ]);
  });

  it.each([
    ["no database", {}, "databases: must name at least one database"],
    [
      "a file outside the app",
      { core: { file: "../core.db" } },
      "databases.core.file: must stay inside the app's directory",
    ],
    [
      "absolute migrations",
      { core: { file: "core.db", migrations: "/m" } },
      "databases.core.migrations: must be relative: the migrations of a release are its own",
    ],
    [
      "a variable's value",
      { core: { file: "core.db", env: "A=b" } },
      "databases.core.env: must be the name of a variable, like CORE_DB",
    ],
    ["an unknown key", { core: { file: "core.db", folder: "x" } }, 'databases.core: Unrecognized key: "folder"'],
  ])("refuse %s", (_, databases, problem) => {
    expect(problems(databases)).toEqual([problem]);
  });
});
