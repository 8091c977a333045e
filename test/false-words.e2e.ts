import { spawnSync } from "node:child_process";
import { mkdir, rm, symlink, unlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect } from "vitest";
import { plainApp } from "./support/apps.ts";
import { expectOutcome } from "./support/expect-outcome.ts";
import { startProgram } from "./support/run-program.ts";
import { type Answer, type Site, test } from "./support/site.ts";

const COMMAND = fileURLToPath(new URL("../packages/cli/bin/deployer.js", import.meta.url));
/** A uid that no machine gives to a user. */
const NOBODY = 4_242_424;

describe("an error before anything was begun", () => {
  test("says what is served from what is there, or nothing", async ({ site }) => {
    await site.configure({ shared: [".env"] });
    expect(await told(site, ["check"])).toContain("Nothing was deployed before, and nothing is now.");
    await site.put("shared/.env", "");
    await site.commit(plainApp());
    const { release } = expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const served = `${release?.id} is served as before.`;

    await site.commit(plainApp("2"));
    await rm(join(site.root, "shared/.env"));
    const unfit = await told(site, ["check"]);
    expect(unfit).toContain("ERR_PREFLIGHT: 1 problem was found; no release was made.");
    expect(unfit).toContain(served);
    await site.put("shared/.env", "");
    await site.configure({ app: "other", shared: [".env"] });
    expect(await told(site, ["check"])).toContain(served);
    await site.configure({ colour: "red" });
    expect(await told(site, ["check"])).not.toMatch(/served|deployed before/);

    await site.configure({ shared: [".env"] });
    await unlink(join(site.root, "current"));
    await mkdir(join(site.root, "current"));
    const folder = await told(site, ["check"]);
    expect(folder).toContain("ERR_CURRENT_IS_DIRECTORY");
    expect(folder).not.toMatch(/served|deployed before/);
    await rm(join(site.root, "current"), { recursive: true });
    await symlink("releases/gone", join(site.root, "current"));
    await site.configure({ app: "other", shared: [".env"] });
    expect(await told(site, ["check"])).not.toMatch(/served|deployed before/);
  });
});

describe("an undo action that never ends", () => {
  test("is given up at its deadline: the rest is undone, and the command ends, whatever is still open", async ({
    site,
  }) => {
    await site.put(
      "mine.mjs",
      `import { writeFileSync } from "node:fs";
       import { definePlugin } from "@deployer/core";
       export default definePlugin(({ folder }) => ({
         name: "mine",
         async build({ undo }) {
           undo("undo what was first", () => writeFileSync(folder + "/undone", ""));
           undo("wait for ever", () => new Promise(() => setInterval(() => {}, 1000)), { timeoutMs: 200 });
           throw new Error("mine gives up");
         },
       }));`,
    );
    const git = ["@deployer/plugin-git", { remote: site.remote }];
    await site.configure({ plugins: [git, ["./mine.mjs", { folder: site.root }]] });
    await site.commit(plainApp());
    const answer = await site.deployer(["check"]);
    expect(answer.exitCode).toBe(5);
    expect(answer.stderr).toContain("wait for ever: not done within 0.2 s");
    expect(await site.footprint()).toMatchObject({ current: null, releases: [] });
    await site.read("undone");
  });
});

describe("what a person must mend is no defect", () => {
  test("a working directory that is gone", async ({ site }) => {
    await site.configure();
    const command = `mkdir gone; cd gone; rmdir ../gone; exec ${process.execPath} ${COMMAND} status`;
    const { exitCode, stderr } = await startProgram("sh", ["-c", command], { cwd: site.root, env: site.env }).ended;
    expect(exitCode).toBe(2);
    expect(stderr).toContain("ERR_WORKING_DIRECTORY: The working directory of this command was removed.");
  });

  const mayBeAnother = canRead(NOBODY, COMMAND);
  const note = mayBeAnother ? "" : " (skipped: only root can be another, and this folder must be open to that one)";
  test.skipIf(!mayBeAnother)(`a user whom the machine has no name for${note}`, async ({ site }) => {
    await site.configure();
    await site.commit(plainApp());
    await startProgram("chown", ["-R", `${NOBODY}`, site.folder], { cwd: "/", env: site.env }).ended;
    const command = ["--reuid", `${NOBODY}`, "--regid", `${NOBODY}`, "--clear-groups", process.execPath, COMMAND];
    const { exitCode, stdout, stderr } = await startProgram("setpriv", [...command, "check"], {
      cwd: site.root,
      env: site.env,
    }).ended;
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain("Deployed ");
  });
});

function canRead(user: number, file: string): boolean {
  return process.getuid?.() === 0 && spawnSync("cat", [file], { uid: user, gid: user }).status === 0;
}

/** All that the command printed; it must have failed for what a person can mend. */
async function told(site: Site, args: readonly string[]): Promise<string> {
  const { exitCode, stderr, stdout }: Answer = await site.deployer(args);
  expect(exitCode, stderr).toBe(2);
  return `${stdout}${stderr}`;
}
