import { existsSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { coreError } from "../errors/catalog.ts";
import { DeployError, EXIT } from "../errors/deploy-error.ts";
import type { Downtime } from "../plugin/contexts.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { systemClock } from "../ports/system-clock.ts";
import { deployerWith, type TestDeployer } from "../testing/index.ts";
import { history, status } from "./overview.ts";

const GONE: Downtime = { problem: "The app does not run.", hint: "Look why.", canRestore: true };
const STOPPED: Downtime = { problem: "The app was stopped.", hint: "Start it.", canRestore: false };

/** An app as a plugin sees it. */
interface Served {
  downtime?: Downtime;
  cannotSay?: boolean;
  /** What is activated does not start. */
  bad?: boolean;
  /** It cannot be undone either. */
  stuck?: boolean;
  unreachable?: boolean;
  /** How often it was asked what a deployment would do. */
  planned?: number;
  /** Releases that were activated. */
  readonly started: string[];
}

function plugin(served: Served): Plugin {
  return {
    name: "server",
    async plan() {
      served.planned = (served.planned ?? 0) + 1;
      return ["build the app"];
    },
    async detect() {
      if (!served.unreachable) return undefined;
      throw new DeployError({ code: "ERR_AWAY", exitCode: EXIT.unreachable, message: "No route.", hint: "Wait." });
    },
    activate: {
      order: "post",
      async handler({ release, undo }) {
        undo("stop it", () => {
          if (served.stuck) throw new Error("it does not stop");
        });
        if (served.bad) throw coreError("ERR_UNHEALTHY", { message: "It does not start.", hint: "Correct it." });
        served.started.push(release.id);
        delete served.downtime;
      },
    },
    async downtime({ current }) {
      if (served.cannotSay || (current !== undefined && !existsSync(current.path))) throw new Error("no answer");
      return current === undefined ? undefined : served.downtime;
    },
  };
}

/** An app with two releases of which the second is served. */
async function servedApp() {
  const served: Served = { started: [] };
  let now = Date.UTC(2026, 10, 20, 18, 45);
  const clock = { ...systemClock, now: () => now };
  // The server stands before the remote: it can make it unreachable.
  const base = await deployerWith();
  const app = await base.with({
    remote: false,
    plugins: [plugin(served), base.remote.plugin],
    options: { ports: { clock } },
  });
  await app.deployer.check();
  base.remote.push({ n: "2" });
  const { release } = await app.deployer.check();
  const [first, second] = served.started as [string, string];
  expect(release?.id).toBe(second);
  served.started.length = 0;
  const wait = (ms: number): void => {
    now += ms;
  };
  return { app, served, first, second, wait, push: base.remote.push, [Symbol.asyncDispose]: base.remove };
}

const reasons = (app: TestDeployer, count: number) =>
  history(app.resolved.config, count).map(({ reason, result }) => `${reason}: ${result?.outcome}`);

describe("`current` that is lost", () => {
  it.each(["missing", "dangling"])("because it is %s points at the accepted release again", async (how) => {
    await using site = await servedApp();
    const { app, second, served } = site;
    rmSync(app.paths.current);
    if (how === "dangling") symlinkSync("releases/nowhere", app.paths.current);
    expect((await status(app.resolved)).downtimes).toMatchObject([
      { problem: expect.stringMatching(/missing|nowhere/) },
    ]);
    const result = await app.deployer.check();
    expect(app.current()).toBe(second);
    expect(result).toMatchObject({ outcome: "up-to-date", exitCode: 0, release: { id: second } });
    expect(result.warnings).toEqual([expect.stringContaining(`points at ${second} again`)]);
    expect(result.log).not.toBeNull();
    expect(served.started).toEqual([]);
    expect((await app.deployer.check()).warnings).toEqual([]);
  });

  it("is put back for a person's commands as well", async () => {
    await using site = await servedApp();
    rmSync(site.app.paths.current);
    expect(await site.app.deployer.rollback()).toMatchObject({ outcome: "rolled-back", release: { id: site.first } });
  });

  it("with the files of its release leads to the one before, and the revision is deployed anew", async () => {
    await using site = await servedApp();
    const { app, first, second, served } = site;
    const lost = (await status(app.resolved)).current?.revision.hash;
    rmSync(join(app.paths.releases, second), { recursive: true });
    const result = await app.deployer.check();
    expect(result).toMatchObject({
      outcome: "deployed",
      exitCode: 0,
      previous: { id: first },
      release: { revision: lost },
    });
    expect(result.warnings).toContainEqual(expect.stringContaining(`Release ${first} was started again`));
    expect(served.started).toEqual([first, result.release?.id]);
  });
});

it("with all releases lost the revision is deployed anew", async () => {
  await using site = await servedApp();
  const { app } = site;
  rmSync(app.paths.releases, { recursive: true });
  const result = await app.deployer.check();
  expect(result, result.error?.message).toMatchObject({ outcome: "deployed", exitCode: 0 });
  expect(app.current()).toBe(result.release?.id);
});

it("`current` that a person has switched is told, and left", async () => {
  await using site = await servedApp();
  const { app, first, served } = site;
  rmSync(app.paths.current);
  symlinkSync(`releases/${first}`, app.paths.current);
  expect(await app.deployer.check()).toMatchObject({ exitCode: 5, error: { code: "ERR_NOT_SERVED" } });
  expect(app.current()).toBe(first);
  expect(served.started).toEqual([]);
  expect(await app.deployer.reload()).toMatchObject({ outcome: "reloaded" });
  expect(await app.deployer.check()).toMatchObject({ outcome: "up-to-date", exitCode: 0 });
});

describe("an app that is down", () => {
  it("is started again by a check: as by reload, verified, told, and in the history", async () => {
    await using site = await servedApp();
    const { app, second, served } = site;
    const { planned } = served;
    served.downtime = GONE;
    expect((await status(app.resolved)).downtimes).toEqual([{ ...GONE, plugin: "server" }]);
    const result = await app.deployer.check();
    expect(result).toMatchObject({ outcome: "up-to-date", exitCode: 0, release: { id: second }, error: null });
    expect(result.warnings).toEqual([expect.stringMatching(/^The app does not run\. Release .* was started again/)]);
    expect(served.started).toEqual([second]);
    expect(served.planned).toBe(planned);
    expect(reasons(app, 1)).toEqual(["bring back: reloaded"]);
  });

  it("and cannot be started is exit 5 at every check, whatever the remote says; it is tried three times, then every ten minutes", async () => {
    await using site = await servedApp();
    const { app, served } = site;
    Object.assign(served, { downtime: GONE, bad: true });
    const tries = async () => reasons(app, 20).filter((reason) => reason.startsWith("bring back")).length;
    const check = () => app.deployer.check();
    const failed = { outcome: "failed", exitCode: 5, error: { code: "ERR_NOT_SERVED" } };
    const first = await check();
    expect(first).toMatchObject(failed);
    expect(first.error?.message).toContain("The app does not run.\nStarting it again failed: ERR_UNHEALTHY");
    served.unreachable = true;
    const second = await check();
    expect(second).toMatchObject(failed);
    expect(second.error?.message).toContain("No route.");
    served.unreachable = false;
    for (let n = 0; n < 3; n += 1) expect(await check()).toMatchObject(failed);
    expect(await tries()).toBe(3);
    site.wait(11 * 60_000);
    Object.assign(served, { bad: false });
    expect(await check()).toMatchObject({ outcome: "up-to-date", exitCode: 0 });
    expect(await tries()).toBe(4);
  });

  it("gets a new commit all the same: it may be the cure", async () => {
    await using site = await servedApp();
    const { app, served } = site;
    served.downtime = STOPPED;
    site.push({ n: "3" });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", exitCode: 0 });
  });

  it("is still down when the new commit is bad: exit 5 and told, beside what was wrong with the commit", async () => {
    await using site = await servedApp();
    const { app, served } = site;
    Object.assign(served, { downtime: STOPPED, bad: true });
    site.push({ n: "3" });
    const result = await app.deployer.check();
    expect(result).toMatchObject({ outcome: "failed", exitCode: 5, error: { code: "ERR_UNHEALTHY" } });
    expect(result.warnings).toContainEqual(expect.stringContaining("The app was stopped."));
    expect(await app.deployer.check()).toMatchObject({ exitCode: 5, error: { code: "ERR_NOT_SERVED" } });
  });

  it("is not started when a person has stopped it, but told", async () => {
    await using site = await servedApp();
    const { app, served } = site;
    served.downtime = STOPPED;
    const { exitCode, error } = await app.deployer.check();
    expect([exitCode, error?.code, error?.hint]).toEqual([5, "ERR_NOT_SERVED", "Start it."]);
    expect(served.started).toEqual([]);
    expect(reasons(app, 1)).toEqual(["check: deployed"]);
  });

  it("or cannot be asked about is no app that is up", async () => {
    await using site = await servedApp();
    site.served.cannotSay = true;
    const { exitCode, error } = await site.app.deployer.check();
    expect([exitCode, error?.code]).toEqual([5, "ERR_NOT_SERVED"]);
    expect(error?.message).toContain("no answer");
  });
});

it("after a run that could not be fully undone the release is started again, until that is verified", async () => {
  await using site = await servedApp();
  const { app, second, served } = site;
  site.push({ n: "3" });
  Object.assign(served, { bad: true, stuck: true });
  expect(await app.deployer.check()).toMatchObject({ outcome: "failed", exitCode: 5 });
  const still = await app.deployer.check();
  expect(still).toMatchObject({ exitCode: 5, error: { code: "ERR_NOT_SERVED" } });
  expect(still.error?.message).toContain("could not be fully undone (ERR_UNHEALTHY)");
  Object.assign(served, { bad: false, stuck: false });
  const held = await app.deployer.check();
  expect(held).toMatchObject({ outcome: "held", exitCode: 0, release: { id: second } });
  expect(served.started).toEqual([second]);
  expect((await app.deployer.check()).warnings).toEqual([]);
});
