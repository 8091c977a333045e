import { describe, expect } from "vitest";
import { plainApp } from "./support/apps.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { test } from "./support/site.ts";

// What somebody writes beside a config; the folder has no node_modules.
const MINE = `
  import { writeFile } from "node:fs/promises";
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
      hello: { summary: "Says a word.", run: async ({ args, current }) => [word, ...args, current?.id ?? "nothing"].join(" ") },
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

  test("that throws after the switch has everything undone, and is told as a defect", async ({ site }) => {
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
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_DEFECT", 1);
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
