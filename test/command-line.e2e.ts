import { describe, expect } from "vitest";
import { plainApp } from "./support/apps.ts";
import { configureDatabases } from "./support/database-app.ts";
import { expectError } from "./support/expect-outcome.ts";
import { test } from "./support/site.ts";

describe("a command line that is wrong", () => {
  test.for([
    ["an unknown flag", ["check", "--colour"]],
    ["an argument too many", ["check", "main"]],
    ["a flag without its value", ["check", "--config"]],
    ["a number that is none", ["history", "--limit", "many"]],
    ["an unknown command", ["deplyo"]],
    ["an unknown command of two words", ["db", "undo"]],
  ] as const)("%s: exit 2, as text and as JSON", async ([, words], { site }) => {
    await site.configure();
    await site.commit(plainApp());
    expectError(await site.deployer([...words, "--json"]), "ERR_USAGE", 2);
    const text = await site.deployer(words);
    expect({ exitCode: text.exitCode, stdout: text.stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(text.stderr).toContain("ERR_USAGE: ");
    expect(await site.footprint()).toEqual({ current: null, releases: [], leftovers: [] });
  });
});

describe("a slip of the pen", () => {
  test.for([
    [["deplyo"], "deployer deploy"],
    [["dbb", "undo"], "deployer db"],
    [["db", "snapshot"], "deployer db snapshots"],
    [["help", "histroy"], "deployer history"],
    [["history", "--limt", "3"], "--limit"],
    [["db", "restore", "--lose-write"], "--lose-writes"],
  ] as const)("%j: the hint says what was meant", async ([words, meant], { site }) => {
    await configureDatabases(site);
    const { stderr, exitCode } = await site.deployer(words);
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(`Did you mean \`?${meant}\\b`)]);
  });

  test("a value that does not fit is told with what would", async ({ site }) => {
    const { stderr } = await site.deployer(["history", "--limit", "many"]);
    expect(stderr).toContain('--limit must be a whole number of at least 1, not "many".');
  });
});

test("what a config prints goes to stderr: stdout is one object", async ({ site }) => {
  await site.put(
    "deployer.config.ts",
    `import { git } from "@deployer/plugin-git";
     console.log("hello from the config");
     export default { app: "shop", plugins: [git({ remote: "/r" })] };`,
  );
  const answer = await site.deployer<{ app: string }>(["status", "--json"]);
  expect([answer.json.app, answer.stderr]).toEqual(["shop", "hello from the config\n"]);
});

describe("help", () => {
  test("lists the commands, and each says what it does and which flags it has", async ({ site }) => {
    const all = await site.deployer(["--help"]);
    expect(all.exitCode).toBe(0);
    for (const name of ["check", "config", "deploy", "history", "releases", "rollback", "status"]) {
      expect(all.stdout).toContain(name);
      const one = await site.deployer([name, "--help"]);
      expect(one.exitCode, name).toBe(0);
      for (const flag of ["--config", "--env", "--json", "--quiet"]) expect(one.stdout, name).toContain(flag);
    }
  });

  test("has the commands of the config's plugins: in the list, as a topic, and each by itself", async ({ site }) => {
    await configureDatabases(site);
    for (const words of [["--help"], ["help"], ["-h"], ["help", "db"], ["db", "--help"], ["db"]]) {
      const { exitCode, stdout } = await site.deployer(words);
      expect([exitCode, stdout], words.join(" ")).toEqual([
        0,
        expect.stringMatching(/db snapshots[\s\S]*db undo|db undo[\s\S]*db snapshots/),
      ]);
    }
    for (const words of [
      ["db", "restore", "--help"],
      ["help", "db", "restore"],
    ]) {
      const { exitCode, stdout } = await site.deployer(words);
      expect([exitCode, stdout], words.join(" ")).toEqual([0, expect.stringContaining("--lose-writes")]);
    }
  });

  test("is there without a config, and beside one that cannot be read, and says why plugins are missing", async ({
    site,
  }) => {
    const none = await site.deployer(["--help"]);
    expect([none.exitCode, none.stdout]).toEqual([0, expect.stringMatching(/rollback[\s\S]*--config FILE/)]);
    await site.put("deployer.config.json", "{ oops");
    const broken = await site.deployer(["help"]);
    expect([broken.exitCode, broken.stdout]).toEqual([0, expect.stringMatching(/rollback[\s\S]*ERR_CONFIG_LOAD/)]);
    expectError(await site.deployer(["db", "undo", "--json"]), "ERR_CONFIG_LOAD", 2);
  });

  test("--version says which one it is", async ({ site }) => {
    for (const flag of ["--version", "-v"]) {
      const { exitCode, stdout } = await site.deployer([flag]);
      expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^@deployer\/cli\/\d+\.\d+\.\d+ /)]);
    }
  });
});
