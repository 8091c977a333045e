import { describe, expect } from "vitest";
import { plainApp } from "./support/apps.ts";
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

  test("--version says which one it is", async ({ site }) => {
    const { exitCode, stdout } = await site.deployer(["--version"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^@deployer\/cli\/\d+\.\d+\.\d+ /);
  });
});
