import { lstatSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { status } from "../lifecycle/overview.ts";
import type { RunResult } from "../lifecycle/result.ts";
import { deployerWith } from "../testing/index.ts";
import { remoteWith, runInChild } from "../testing/run-in-child.ts";

it("of several checks at once one deploys; the others end with exit 3 and name who is at work", async () => {
  await using app = await deployerWith({ remote: remoteWith(1) });
  const ended: (RunResult | undefined)[] = [];
  using children = new DisposableStack();
  const started = [1, 2, 3].map(() => children.use(runInChild(app.root, 1, "check", { waits: true })));
  const all = Promise.all(started.map(async (child) => ended.push((await child.ended).result)));
  // The one at work waits for the file, so whoever ends before it is there was refused.
  await expect.poll(() => ended.length).toBe(2);
  for (const result of ended) {
    expect(result).toMatchObject({ outcome: "locked", exitCode: 3, error: { code: "ERR_LOCK_HELD" }, log: null });
  }
  expect(await status(app.resolved)).toMatchObject({ running: { reason: "check" }, interrupted: null });
  writeFileSync(join(app.root, "go"), "");
  await all;
  expect(ended[2]).toMatchObject({ outcome: "deployed", exitCode: 0 });
  expect(app.current()).toBe(ended[2]?.release?.id);
});

it("who is refused learns who is at work, and disturbs nothing", async () => {
  const refused: RunResult[] = [];
  await using app = await deployerWith({
    plugins: [
      {
        name: "meanwhile",
        async build() {
          const other = await app.with({ plugins: [] });
          refused.push(await other.deployer.check(), await other.deployer.rollback());
        },
      },
    ],
  });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
  expect(refused.map(({ exitCode }) => exitCode)).toEqual([3, 3]);
  expect(refused[0]?.error?.message).toContain(`pid ${process.pid}`);
  expect(refused[0]?.error?.details.holder).toMatchObject({ process: { pid: process.pid } });
});

it("who is refused leaves the links alone that the one at work is about to put in place", async () => {
  const half = ".deployer/link-of-the-run-at-work";
  await using app = await deployerWith({
    plugins: [
      {
        name: "meanwhile",
        async build({ paths }) {
          symlinkSync("releases/next", join(paths.root, half));
          await (await app.with({ plugins: [] })).deployer.check();
          expect(lstatSync(join(paths.root, half)).isSymbolicLink()).toBe(true);
        },
      },
    ],
  });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  await app.deployer.check();
  expect(readdirSync(app.paths.state).filter((name) => name.startsWith("link-"))).toEqual([]);
});

it("a lock file that was removed by hand frees no lock: the run at work is left alone", async () => {
  await using app = await deployerWith({ remote: remoteWith(1) });
  using children = new DisposableStack();
  const child = children.use(runInChild(app.root, 1, "check", { waits: true }));
  await expect.poll(() => status(app.resolved)).toMatchObject({ running: { stage: "build" } });
  rmSync(app.paths.lock);
  expect(await app.deployer.check()).toMatchObject({ exitCode: 3, error: { code: "ERR_LOCK_HELD" } });
  expect(await app.deployer.rollback()).toMatchObject({ exitCode: 3 });
  writeFileSync(join(app.root, "go"), "");
  expect((await child.ended).result).toMatchObject({ outcome: "deployed", exitCode: 0 });
});
