import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Plugin } from "../plugin/plugin.ts";
import { nodeFileSystem } from "../ports/node-file-system.ts";
import { nodeProcessRunner } from "../ports/node-process-runner.ts";
import { procProcessTable } from "../ports/proc-process-table.ts";
import { systemClock } from "../ports/system-clock.ts";
import { deployerWith, faultyFileSystem, type TestDeployer } from "../testing/index.ts";

async function deploy(app: TestDeployer): Promise<string> {
  return (await app.deployer.deploy()).release?.id as string;
}

it("keeps the newest successful releases, as many as the config says, and deletes the others from disk", async () => {
  const removed: string[][] = [];
  const hearing: Plugin = {
    name: "hearing",
    async cleanup(ctx) {
      removed.push(ctx.removed.map(({ id }) => id));
    },
  };
  await using app = await deployerWith({ plugins: [hearing], config: { keepReleases: 2 } });
  const [first, second, third, fourth] = [await deploy(app), await deploy(app), await deploy(app), await deploy(app)];
  expect(readdirSync(app.paths.releases).sort()).toEqual([third, fourth].sort());
  expect(readdirSync(app.paths.trash)).toEqual([]);
  expect(removed).toEqual([[], [], [first], [second]]);
});

it("keeps the release before the current one even when only one is to be kept", async () => {
  await using app = await deployerWith({ config: { keepReleases: 1 } });
  const [, second, third] = [await deploy(app), await deploy(app), await deploy(app)];
  expect(readdirSync(app.paths.releases).sort()).toEqual([second, third].sort());
});

it("goes by the order of the releases when the clock was set back a day", async () => {
  let now = Date.UTC(2026, 10, 20, 12);
  await using app = await deployerWith({
    config: { keepReleases: 2 },
    options: { ports: { clock: { ...systemClock, now: () => now } } },
  });
  await deploy(app);
  const second = await deploy(app);
  now -= 86_400_000;
  const third = await deploy(app);
  expect(readdirSync(app.paths.releases).sort()).toEqual([third, second].sort());
  expect(app.current()).toBe(third);
});

it("keeps the current release after a rollback, however old it is", async () => {
  await using app = await deployerWith({ config: { keepReleases: 2 } });
  const [, second, third] = [await deploy(app), await deploy(app), await deploy(app)];
  await app.deployer.rollback();
  expect(app.current()).toBe(second);
  const fourth = await deploy(app);
  expect(readdirSync(app.paths.releases).sort()).toEqual([second, third, fourth].sort());
});

it("keeps a release that a process works in, until it has left", async () => {
  await using app = await deployerWith({ config: { keepReleases: 1 } });
  const first = await deploy(app);
  const cwd = join(app.paths.releases, first);
  const worker = nodeProcessRunner.start({ file: "sleep", args: ["300"], cwd, env: { PATH: process.env.PATH! } });
  try {
    await expect.poll(() => procProcessTable.workingDirectory(worker.pid as number)).toBe(cwd);
    await deploy(app);
    await deploy(app);
    expect(existsSync(cwd)).toBe(true);
  } finally {
    await worker.end();
  }
  await deploy(app);
  expect(existsSync(cwd)).toBe(false);
});

it("never uses the name of a release twice, even of one that was removed", async () => {
  const clock = { ...systemClock, now: () => Date.UTC(2026, 10, 20, 18, 45) };
  await using app = await deployerWith({ config: { keepReleases: 1 }, options: { ports: { clock } } });
  const ids = [await deploy(app), await deploy(app), await deploy(app), await deploy(app)];
  expect(ids.map((id) => id.replace(/-[0-9a-f]{7}/, "-HASH"))).toEqual([
    "20261120T184500Z-HASH",
    "20261120T184500Z-HASH-2",
    "20261120T184500Z-HASH-3",
    "20261120T184500Z-HASH-4",
  ]);
});

it("never uses a directory that is there already", async () => {
  const clock = { ...systemClock, now: () => Date.UTC(2026, 10, 20, 18, 45) };
  await using app = await deployerWith({ options: { ports: { clock } } });
  const first = await deploy(app);
  writeFileSync(join(app.paths.releases, `${first}-2`), "a stranger's");
  expect(await deploy(app)).toBe(`${first}-3`);
});

it("says so and goes on when an old release cannot be moved away", async () => {
  await using app = await deployerWith({ config: { keepReleases: 1 } });
  await deploy(app);
  await deploy(app);
  const fs = faultyFileSystem(nodeFileSystem, { call: "rename", path: "/trash/", error: "EACCES" });
  const hindered = await app.with({ options: { ports: { fs } } });
  const result = await hindered.deployer.deploy();
  expect(result).toMatchObject({ outcome: "deployed", exitCode: 0 });
  expect(result.warnings.join()).toContain("could not be removed: EACCES");
  expect(readdirSync(app.paths.releases)).toHaveLength(3);
  await deploy(app);
  expect(readdirSync(app.paths.releases)).toHaveLength(2);
});
