import { existsSync } from "node:fs";
import { describe, expect } from "vitest";
import { plainApp } from "./support/apps.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { test } from "./support/site.ts";
import { until } from "./support/until.ts";

// What somebody writes beside a config; the folder has no node_modules.
const MINE = `
  import { rm, writeFile } from "node:fs/promises";
  import { join } from "node:path";
  import { coreError, definePlugin } from "@deployer/core";

  export default definePlugin(({ word = "hello", failAt } = {}) => ({
    name: "mine",
    async build({ release, info, undo, paths }) {
      info("mine is at work");
      undo("take mine back", () => writeFile(join(paths.root, "undone"), release.id));
      await writeFile(join(release.path, "mine.txt"), word);
    },
    activate: [
      { order: "pre", handler: async ({ paths, release }) => writeFile(join(paths.root, "pre"), release.id) },
      {
        order: "post",
        async handler() {
          if (failAt === "activate") throw new Error("mine gives up");
        },
      },
    ],
    commands: {
      hello: {
        summary: "Says a word.",
        args: { to: { summary: "To whom.", many: true } },
        flags: { loud: { type: "boolean", char: "l", summary: "In capitals." }, "signed-by": { type: "string", summary: "A name." } },
        async run({ args, flags, current, warn }) {
          if (flags.loud) warn("it will be heard");
          const said = [word, ...args.to, current?.id ?? "nothing", flags["signed-by"]].filter(Boolean).join(" ");
          return flags.loud ? said.toUpperCase() : said;
        },
      },
      touch: {
        summary: "Makes a file.",
        args: { file: { summary: "Its name.", required: true } },
        changes: true,
        async run({ args, paths, undo, warn, runner, env, signal }) {
          const file = join(paths.root, args.file);
          undo("remove the file", () => rm(file, { force: true }));
          await writeFile(file, "");
          warn("a file was made");
          if (args.file === "slow") await runner.run({ file: "sleep", args: ["300"], cwd: paths.root, env, signal });
          signal.throwIfAborted();
          return { text: "made " + args.file, file };
        },
      },
      facts: { summary: "Facts.", topic: "other", run: async ({ config }) => ({ app: config.app }) },
      refuse: {
        summary: "Refuses.",
        run: async () => {
          throw coreError("ERR_RELEASE_UNSAFE", { message: "not today", hint: "come back tomorrow" });
        },
      },
    },
  }));
`;

describe("a plugin of the user's own", () => {
  test("is named by its path in a text config and takes part in the stages", async ({ site }) => {
    await site.put("mine.mjs", MINE);
    await site.configure({
      plugins: [
        ["@deployer/plugin-git", { remote: site.remote }],
        ["./mine.mjs", { word: "moin" }],
      ],
    });
    await site.commit(plainApp());
    const json = expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(await site.read("current/mine.txt")).toBe("moin");
    expect(await site.read("pre")).toBe(json.release?.id);
    expect(await site.read(`.deployer/logs/${json.log?.split("/").at(-1)}`)).toContain("mine is at work");
  });

  test("that throws after the switch has everything undone, and is told by its name", async ({ site }) => {
    await site.put("mine.mjs", MINE);
    const configure = (options: object): Promise<void> =>
      site.configure({
        plugins: [
          ["@deployer/plugin-git", { remote: site.remote }],
          ["./mine.mjs", options],
        ],
      });
    await configure({});
    await site.commit(plainApp());
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const before = await site.footprint();
    await configure({ failAt: "activate" });
    await site.commit(plainApp("2"));
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_PLUGIN_FAILED", 4);
    expect(json.error?.message).toContain("mine gives up");
    expect(await site.footprint()).toEqual(before);
    expect(await site.read("undone")).not.toBe(before.releases[0]);
  });

  test("adds commands, under its own name or another topic", async ({ site }) => {
    await site.put("mine.mjs", MINE);
    await site.configure({ plugins: [["@deployer/plugin-git", { remote: site.remote }], "./mine.mjs"] });
    const hello = await site.deployer(["mine", "hello", "to", "you"]);
    expect({ exitCode: hello.exitCode, stdout: hello.stdout }).toEqual({
      exitCode: 0,
      stdout: "hello to you nothing\n",
    });
    expect((await site.deployer(["mine", "hello", "--json"])).json).toBe("hello nothing");
    expect((await site.deployer(["other", "facts", "--json"])).json).toEqual({ app: "shop" });
    expectError(await site.deployer(["mine", "refuse", "--json"]), "ERR_RELEASE_UNSAFE", 6);
    const refused = await site.deployer(["mine", "refuse"]);
    expect({ exitCode: refused.exitCode, stdout: refused.stdout }).toEqual({ exitCode: 6, stdout: "" });
    expect(refused.stderr).toContain("come back tomorrow");
    expectError(await site.deployer(["mine", "goodbye", "--json"]), "ERR_USAGE", 2);
    const loud = await site.deployer([
      "mine",
      "hello",
      "you",
      "-l",
      "--signed-by",
      "me",
      "--config",
      "deployer.config.json",
    ]);
    expect([loud.stdout, loud.stderr]).toEqual(["HELLO YOU NOTHING ME\n", expect.stringContaining("it will be heard")]);
  });

  test.for([
    [
      "an unknown flag, with the nearest",
      ["mine", "hello", "--loude"],
      /Unknown flag: --loude\.\nDid you mean --loud\?/,
    ],
    ["a flag without its value", ["mine", "hello", "--signed-by"], /--signed-by expects a value/],
    ["a missing argument", ["mine", "touch"], /Missing 1 required arg:\nfile {2}Its name\./],
    ["a surplus argument", ["mine", "touch", "a", "b"], /Unexpected argument: b/],
  ] as const)("its commands refuse %s: exit 2, and nothing is done", async ([, words, message], { site }) => {
    await site.put("mine.mjs", MINE);
    await site.configure({ plugins: [["@deployer/plugin-git", { remote: site.remote }], "./mine.mjs"] });
    expectError(await site.deployer([...words, "--json"]), "ERR_USAGE", 2);
    const text = await site.deployer(words);
    expect([text.exitCode, text.stdout, text.stderr]).toEqual([2, "", expect.stringMatching(message)]);
    expect(await site.footprint()).toEqual({ current: null, releases: [], leftovers: [] });
  });

  test("adds commands that change something: runs, in history, with warnings, undone by a signal with exit 130", async ({
    site,
  }) => {
    await site.put("mine.mjs", MINE);
    await site.configure({ plugins: [["@deployer/plugin-git", { remote: site.remote }], "./mine.mjs"] });
    const made = await site.deployer(["mine", "touch", "one"]);
    expect([made.exitCode, made.stderr]).toEqual([0, expect.stringContaining("warning: a file was made")]);
    expect(made.stdout).toMatch(/^made one\nLog: /);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      const running = site.startDeployer(["mine", "touch", "slow", "--json"]);
      await until("the file", () => existsSync(site.at("root/slow")));
      running.kill(signal);
      const { json, exitCode } = await running.ended;
      expect([exitCode, json.outcome, json.warnings]).toEqual([130, "interrupted", ["a file was made"]]);
      expect(existsSync(site.at("root/slow"))).toBe(false);
    }
    const history = await site.deployer(["history"]);
    expect(history.stdout).toMatch(/mine touch slow: interrupted {2}ERR_INTERRUPTED[\s\S]*mine touch one: done/);
  });
});

describe("command()", () => {
  test("runs a program at its stage, in the release, and fails the run when the program fails", async ({ site }) => {
    await site.put(
      "deployer.config.ts",
      `import { command, defineConfig } from "@deployer/core";
       import { git } from "@deployer/plugin-git";
       export default defineConfig({
         app: "shop",
         env: ["BROKEN"],
         plugins: [
           git({ remote: "${site.remote}" }),
           command({ stage: "build", run: ["sh", "-c", "cat version.txt > made.txt"] }),
           command({ name: "smoke", stage: "activate", order: "post", run: ["sh", "-c", 'test -z "$BROKEN"'] }),
         ],
       });`,
    );
    await site.commit(plainApp("1"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(await site.read("current/made.txt")).toBe("1\n");
    const before = await site.footprint();
    await site.commit(plainApp("2"));
    const json = expectError(
      await site.deployer(["check", "--json"], { env: { BROKEN: "yes" } }),
      "ERR_COMMAND_FAILED",
      4,
    );
    expect(json.stages.at(-1)).toMatchObject({ name: "activate", outcome: "failed" });
    expect(await site.footprint()).toEqual(before);
    expect(await site.read("current/made.txt")).toBe("1\n");
  });
});
