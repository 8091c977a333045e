import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const CHILDREN = globSync("*-child.ts", { cwd: import.meta.dirname }).filter((name) => name !== "sql-child.ts");
const SAYS_WHAT_IS_LOADED = `import { registerHooks } from "node:module";
registerHooks({ load(url, context, next) { process.stderr.write(url + "\\n"); return next(url, context); } });`;

// With core, its validation and its process runner a child takes more than twice as long to start; a migration starts several.
it.each(CHILDREN)("%s loads nothing but what it works with", (name) => {
  const hook = `data:text/javascript,${encodeURIComponent(SAYS_WHAT_IS_LOADED)}`;
  const { stderr } = spawnSync(process.execPath, ["--import", hook, join(import.meta.dirname, name)], {
    encoding: "utf8",
    input: "",
  });
  const loaded = stderr.split("\n").filter((line) => line.startsWith("file:"));
  expect(loaded).toContainEqual(expect.stringMatching(/better-sqlite3/));
  expect(loaded.filter((url) => !/\/plugin-drizzle\/src\/|\/node_modules\/better-sqlite3\//.test(url))).toEqual([]);
});
