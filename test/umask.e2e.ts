import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { gitAndNode, plainApp } from "./support/apps.ts";
import { expectOutcome } from "./support/expect-outcome.ts";
import { test } from "./support/site.ts";

/** What every user of the machine could write. */
async function writableBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const paths = [folder, ...names.map((name) => join(folder, name))];
  const found = await Promise.all(paths.map(async (path) => ({ path, info: await lstat(path) })));
  return found.filter(({ info }) => !info.isSymbolicLink() && (info.mode & 0o002) !== 0).map(({ path }) => path);
}

test("a run under umask 0 leaves nothing that every user can write, and the next one is no stranger to it", async ({
  site,
}) => {
  await site.configure({ root: "made", shared: ["data/"], plugins: gitAndNode(site.remote) });
  await site.commit(plainApp());
  const underZero = ["--require", await site.put("umask.cjs", "process.umask(0);")].join(" ");
  const run = () => site.deployer(["check", "--json"], { env: { NODE_OPTIONS: underZero } });
  expectOutcome(await run(), "deployed");
  expect(await writableBelow(join(site.root, "made"))).toEqual([]);
  expectOutcome(await run(), "up-to-date");
});
