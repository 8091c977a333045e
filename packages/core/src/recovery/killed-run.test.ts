import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { history, status } from "../lifecycle/overview.ts";
import { procProcessTable } from "../ports/proc-process-table.ts";
import { deployerWith, type TestDeployer } from "../testing/index.ts";
import {
  type Place,
  remoteWith,
  runInChild,
  type ToldOfDeath,
  type WorkOptions,
  work,
} from "../testing/run-in-child.ts";

/** An app whose first commit is served. */
async function served(): Promise<TestDeployer & { readonly first: string }> {
  const app = await deployerWith({ remote: remoteWith(1), plugins: [work({})] });
  const { release } = await app.deployer.check();
  return { ...app, first: release?.id as string };
}

/** A run of the second commit that is killed; answers the id of the release that it was making. */
async function killedRun(app: TestDeployer, dieIn: Place, more: Partial<WorkOptions> = {}): Promise<string> {
  const known = new Set(existsSync(app.paths.releases) ? readdirSync(app.paths.releases) : []);
  const { signal } = await runInChild(app.root, 2, "check", { dieIn, ...more }).ended;
  expect(signal).toBe("SIGKILL");
  const made = readdirSync(app.paths.releases).filter((id) => !known.has(id));
  expect(made).toHaveLength(1);
  return made[0] as string;
}

/** The next run of the command, with the second commit on the remote. */
function next(app: TestDeployer): Promise<TestDeployer> {
  return app.with({ remote: remoteWith(2) });
}

function told(app: TestDeployer): ToldOfDeath[] {
  const lines = readFileSync(join(app.root, "recovered"), "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as ToldOfDeath);
}

async function leftRunning(app: TestDeployer): Promise<unknown> {
  return procProcessTable.identity(Number(readFileSync(join(app.root, "left-running"), "utf8")));
}

const STAGE_OF: Record<Exclude<Place, "cleanup" | "command">, string> = {
  prepare: "prepare",
  link: "link",
  build: "build",
  gate: "gate",
  migrate: "migrate",
  "before switch": "activate",
  "after switch": "activate",
};

describe.each(Object.entries(STAGE_OF) as [Place, string][])("a run killed in %s", (place, stage) => {
  it("is undone by the next check, which then deploys the revision anew", async () => {
    await using app = await served();
    const dead = await killedRun(app, place);
    expect(app.current()).toBe(place === "after switch" ? dead : app.first);
    expect(await leftRunning(app)).toBeDefined();
    expect(await status(app.resolved)).toMatchObject({ running: null, interrupted: { stage, reason: "check" } });

    const again = await next(app);
    const result = await again.deployer.check();
    expect(result).toMatchObject({ outcome: "deployed", exitCode: 0, previous: { id: app.first } });
    expect(result.recovered).toMatchObject({ outcome: "undone" });
    expect(told(app)).toEqual([
      {
        stage,
        direction: "undo",
        accepted: false,
        release: dead,
        previous: app.first,
        current: app.first,
        dieIn: place,
      },
    ]);
    expect(readdirSync(app.paths.releases).sort()).toEqual([app.first, result.release?.id].sort());
    expect(readdirSync(app.paths.trash)).toEqual([]);
    expect(history(app.resolved.config, 2)[1]).toMatchObject({
      id: result.recovered?.run,
      stage,
      result: { outcome: "interrupted", error: { code: "ERR_KILLED" } },
    });
    expect(await leftRunning(again)).toBeUndefined();
  });
});

it("a run killed after acceptance is finished: its release stays and is not made again", async () => {
  await using app = await served();
  const dead = await killedRun(app, "cleanup");
  const result = await (await next(app)).deployer.check();
  expect(result).toMatchObject({ outcome: "up-to-date", release: { id: dead }, recovered: { outcome: "finished" } });
  expect(told(app)).toMatchObject([{ stage: "cleanup", direction: "finish", accepted: true, current: dead }]);
  expect(history(app.resolved.config, 1)[0]).toMatchObject({
    result: { outcome: "deployed", exitCode: 0, error: null },
  });
  expect(await leftRunning(app)).toBeUndefined();
});

describe.each<Place>(["migrate", "before switch", "after switch"])(
  "a run killed in %s after it committed what breaks the release before",
  (place) => {
    it("is finished by the next check: its release takes over and is not made again", async () => {
      await using app = await served();
      const dead = await killedRun(app, place, { oneWay: true });
      const result = await (await next(app)).deployer.check();
      expect(result).toMatchObject({
        outcome: "up-to-date",
        exitCode: 0,
        release: { id: dead },
        recovered: { outcome: "finished" },
      });
      expect(app.current()).toBe(dead);
      expect(told(app)).toMatchObject([{ direction: "finish", accepted: true, release: dead, current: dead }]);
      expect(history(app.resolved.config, 1)[0]).toMatchObject({ accepted: true, result: { outcome: "deployed" } });
      expect(await leftRunning(app)).toBeUndefined();
    });
  },
);

describe("when the release that has to take over is bad", () => {
  it("the run is undone and ends with exit 5, the reason and the way out; its revision is held", async () => {
    await using app = await served();
    const dead = await killedRun(app, "after switch", { oneWay: true, takeOverFails: "bad" });
    const again = await next(app);
    const result = await again.deployer.check();
    expect(result).toMatchObject({
      outcome: "failed",
      exitCode: 5,
      error: { code: "ERR_TEST", details: { oneWay: ["core: 0001_drop is committed."] } },
    });
    expect(result.error?.message).toMatch(/cannot take over: It does not start\.\ncore: 0001_drop is committed\./);
    expect(result.error?.hint).toContain("deployer db undo");
    expect(app.current()).toBe(app.first);
    expect(readdirSync(app.paths.releases)).not.toContain(dead);
    expect(told(app)).toMatchObject([{ direction: "undo", current: app.first }]);
    expect(history(app.resolved.config, 1)[0]).toMatchObject({ result: { outcome: "failed", exitCode: 5 } });
    expect(await again.deployer.check()).toMatchObject({ outcome: "held", exitCode: 0, recovered: null });
  });

  it("and the release before cannot be brought back either, the run is settled all the same: commands must work", async () => {
    await using app = await served();
    await killedRun(app, "after switch", { oneWay: true, takeOverFails: "bad", recoverFails: true });
    const again = await next(app);
    expect(await again.deployer.check()).toMatchObject({ exitCode: 5, error: { code: "ERR_TEST" } });
    expect(history(app.resolved.config, 1)[0]?.result?.warnings.join()).toContain("the daemon does not answer");
    expect(await again.deployer.check()).toMatchObject({ outcome: "held", recovered: null });
  });

  it("but only the machine is unfit, everything stays until it is mended", async () => {
    await using app = await served();
    const dead = await killedRun(app, "before switch", { oneWay: true, takeOverFails: "unfit" });
    const again = await next(app);
    for (const _time of [1, 2])
      expect(await again.deployer.check()).toMatchObject({ exitCode: 5, error: { code: "ERR_RECOVERY_FAILED" } });
    expect(readdirSync(app.paths.releases)).toContain(dead);
    expect(existsSync(join(app.root, "recovered"))).toBe(false);
  });
});

it("a first run killed after the switch leaves no `current`", async () => {
  await using app = await deployerWith({ plugins: [work({})] });
  const dead = await killedRun(app, "after switch");
  expect(app.current()).toBe(dead);
  const result = await (await next(app)).deployer.check();
  expect(result).toMatchObject({ outcome: "deployed", previous: null, recovered: { outcome: "undone" } });
  expect(told(app)).toMatchObject([{ previous: null, current: null }]);
});

it("a rollback killed after the switch is undone: back to what it left, and the older release stays", async () => {
  await using app = await served();
  const second = await next(app);
  const { release } = await second.deployer.check();
  const { signal } = await runInChild(app.root, 2, "rollback", { dieIn: "after switch" }).ended;
  expect(signal).toBe("SIGKILL");
  expect(app.current()).toBe(app.first);
  const result = await second.deployer.check();
  expect(result).toMatchObject({ outcome: "up-to-date", recovered: { outcome: "undone" } });
  expect(app.current()).toBe(release?.id);
  expect(readdirSync(app.paths.releases).sort()).toEqual([app.first, release?.id].sort());
});

it("a revision whose runs were killed twice is held, until the branch moves", async () => {
  await using app = await served();
  await killedRun(app, "build");
  const { signal } = await runInChild(app.root, 2, "check", { dieIn: "build" }).ended;
  expect(signal).toBe("SIGKILL");
  const again = await next(app);
  const result = await again.deployer.check();
  expect(result).toMatchObject({ outcome: "held", exitCode: 0, recovered: { outcome: "undone" } });
  expect(result.decision?.reason).toContain(
    "Killed 2 times, last in build: out of memory, or a disk too full to record its end?",
  );
  expect(readdirSync(app.paths.releases)).toEqual([app.first]);
  const moved = await app.with({ remote: remoteWith(3) });
  expect(await moved.deployer.check()).toMatchObject({ outcome: "deployed" });
});

it("a rollback settles a dead run first", async () => {
  await using app = await served();
  const second = await (await next(app)).deployer.check();
  const third = await app.with({ remote: remoteWith(3) });
  const { signal } = await runInChild(app.root, 3, "check", { dieIn: "after switch" }).ended;
  expect(signal).toBe("SIGKILL");
  expect(await third.deployer.rollback()).toMatchObject({
    outcome: "rolled-back",
    previous: second.release,
    release: { id: app.first },
    recovered: { outcome: "undone" },
  });
});

describe("when a plugin of the dead run is gone from the config", () => {
  it("stops with exit 5 and touches nothing, until the plugin is back", async () => {
    await using app = await served();
    const dead = await killedRun(app, "after switch");
    const without = await app.with({ remote: remoteWith(2), plugins: [] });
    expect(await without.deployer.check()).toMatchObject({
      outcome: "failed",
      exitCode: 5,
      error: { code: "ERR_PLUGIN_GONE", details: { plugin: "work" } },
    });
    expect(app.current()).toBe(dead);
    expect(readdirSync(app.paths.releases)).toContain(dead);
    expect(await leftRunning(app)).toBeDefined();
    expect(await (await next(app)).deployer.check()).toMatchObject({ recovered: { outcome: "undone" } });
  });
});

describe("when settling a dead run fails", () => {
  it("stops with exit 5 and the next check tries again", async () => {
    await using app = await served();
    const { signal } = await runInChild(app.root, 2, "check", { dieIn: "build", recoverFails: true }).ended;
    expect(signal).toBe("SIGKILL");
    const again = await next(app);
    for (const _time of [1, 2]) {
      const result = await again.deployer.check();
      expect(result).toMatchObject({ exitCode: 5, error: { code: "ERR_RECOVERY_FAILED" } });
      expect(result.error?.message).toContain("the daemon does not answer");
    }
    expect(app.current()).toBe(app.first);
  });
});
