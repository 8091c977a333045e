import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Plugin } from "../plugin/plugin.ts";
import { deployerWith } from "../testing/index.ts";
import { remoteWith, runInChild, work } from "../testing/run-in-child.ts";
import { status } from "./overview.ts";

/** Notes which of its handlers are called, and fails where it is told to. */
function watcher(seen: string[] = [], fail: { at?: string } = {}): Plugin {
  const note = (stage: string) => async (): Promise<void> => {
    seen.push(stage);
    if (fail.at === stage) throw new Error(`bad ${stage}`);
  };
  return {
    name: "watcher",
    // What a deployment would do is not said of a reload.
    plan: async () => {
      seen.push("plan");
      return ["build the app"];
    },
    build: note("build"),
    gate: note("gate"),
    migrate: note("migrate"),
    activate: { order: "post", handler: note("activate") },
    cleanup: note("cleanup"),
    status: async ({ current }) => ({ lines: [`sees ${current?.id}`], data: { current: current?.id } }),
  };
}

describe("reload", () => {
  it("brings the current release through gate and activation again, and says so in the history", async () => {
    const seen: string[] = [];
    const plugin = watcher(seen);
    await using app = await deployerWith({ plugins: [plugin] });
    app.remote.push({ n: "1" });
    const { release } = await app.deployer.check();
    seen.length = 0;
    const result = await app.deployer.reload();
    expect(result).toMatchObject({ outcome: "reloaded", exitCode: 0, release, previous: release, error: null });
    expect(seen).toEqual(["gate", "activate", "cleanup"]);
    expect(app.current()).toBe(release?.id);
    expect((await status(app.resolved)).lastRun).toMatchObject({ kind: "reload", reason: "reload" });
    expect(await app.deployer.check()).toMatchObject({ outcome: "up-to-date" });
  });

  it("leaves the gate out when a person says so, and tells that", async () => {
    const seen: string[] = [];
    const plugin = watcher(seen);
    await using app = await deployerWith({ plugins: [plugin] });
    app.remote.push({ n: "1" });
    await app.deployer.check();
    app.remote.push({ n: "2" });
    await app.deployer.check();
    seen.length = 0;
    expect(await app.deployer.reload({ gate: false })).toMatchObject({
      outcome: "reloaded",
      warnings: [expect.stringContaining("--no-gate")],
    });
    expect(await app.deployer.rollback({ gate: false })).toMatchObject({
      outcome: "rolled-back",
      warnings: [expect.stringContaining("--no-gate")],
    });
    expect(seen).toEqual(["activate", "cleanup", "activate", "cleanup"]);
  });

  it("keeps the release, and holds nothing, when it fails", async () => {
    const fail: { at?: string } = {};
    const plugin = watcher([], fail);
    await using app = await deployerWith({ plugins: [plugin] });
    app.remote.push({ n: "1" });
    const { release } = await app.deployer.check();
    fail.at = "activate";
    expect(await app.deployer.reload()).toMatchObject({ outcome: "failed", exitCode: 4 });
    expect(app.current()).toBe(release?.id);
    expect(await app.deployer.check()).toMatchObject({ outcome: "up-to-date", release });
  });

  it("has nothing to do before the first deployment", async () => {
    await using app = await deployerWith();
    expect(await app.deployer.reload()).toMatchObject({ exitCode: 6, error: { code: "ERR_NO_SUCH_RELEASE" } });
  });
});

describe("status", () => {
  it("has what each plugin sees, and is not kept from the rest by one that fails", async () => {
    const broken: Plugin = { name: "broken", status: () => Promise.reject(new Error("no daemon")) };
    await using app = await deployerWith({ plugins: [watcher(), broken] });
    expect((await status(app.resolved)).plugins).toEqual({});
    app.remote.push({ n: "1" });
    const { release } = await app.deployer.check();
    expect((await status(app.resolved)).plugins).toEqual({
      watcher: { lines: [`sees ${release?.id}`], data: { current: release?.id } },
      broken: { lines: ["broken cannot say anything: no daemon"], data: null },
    });
  });
});

describe("a first run killed after the switch", () => {
  it("goes back to what another tool had in service", async () => {
    await using app = await deployerWith({ remote: remoteWith(1), plugins: [work({})] });
    mkdirSync(join(app.root, "old"));
    symlinkSync("old", join(app.root, "current"));
    const { signal } = await runInChild(app.root, 1, "check", { dieIn: "after switch" }).ended;
    expect(signal).toBe("SIGKILL");
    expect(app.current()).not.toBe("old");
    expect(await app.deployer.rollback()).toMatchObject({ exitCode: 6, recovered: { outcome: "undone" } });
    expect(app.current()).toBe("old");
  });
});
