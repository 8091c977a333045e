import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { DeployError } from "../errors/deploy-error.ts";
import type { CanUndo } from "../plugin/contexts.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { nodeFileSystem } from "../ports/node-file-system.ts";
import { procProcessTable } from "../ports/proc-process-table.ts";
import { systemClock } from "../ports/system-clock.ts";
import { deployerWith, faultyFileSystem } from "../testing/index.ts";
import type { RunResult } from "./result.ts";

const PLACES = ["prepare", "link", "build", "gate", "migrate", "activate pre", "activate post"] as const;

/** In each stage it does something that must be undone; in one, when the revision has the file `bad`, it then fails. */
function failingIn(place: string, undone: string[], failure: () => Error = bad): Plugin {
  const act =
    (here: string) =>
    async ({ undo, release }: CanUndo & { release: { path: string } }): Promise<void> => {
      undo(here, () => void undone.push(here));
      if (here === place && readdirSync(release.path).includes("bad")) throw failure();
    };
  return {
    name: "work",
    prepare: act("prepare"),
    async link(paths, ctx) {
      await act("link")(ctx);
      return paths;
    },
    build: act("build"),
    gate: act("gate"),
    migrate: act("migrate"),
    activate: [
      { order: "pre", handler: act("activate pre") },
      { order: "post", handler: act("activate post") },
    ],
  };
}

function bad(): Error {
  return new DeployError({ code: "ERR_BAD", exitCode: 4, message: "It is bad.\nVery.", hint: "Make it good." });
}

describe.each(PLACES)("a failure in %s", (place) => {
  it("is undone last to first; `current` is as before and the release is gone", async () => {
    const undone: string[] = [];
    await using app = await deployerWith({ plugins: [failingIn(place, undone)] });
    const good = await app.deployer.check();
    const before = readlinkSync(app.paths.current);
    app.remote.push({ bad: "" });

    const result = await app.deployer.check();
    expect(result).toMatchObject({
      outcome: "failed",
      exitCode: 4,
      error: { code: "ERR_BAD", hint: "Make it good." },
      release: null,
      previous: good.release,
      undoFailures: [],
    });
    expect(result.stages.at(-1)).toMatchObject({ name: place.split(" ")[0], outcome: "failed" });
    expect(undone).toEqual(PLACES.slice(0, PLACES.indexOf(place) + 1).toReversed());
    expect(readlinkSync(app.paths.current)).toBe(before);
    expect(readdirSync(app.paths.releases)).toEqual([good.release?.id]);
    expect(readFileSync(result.log as string, "utf8")).toContain("ERR_BAD: It is bad.");
  });

  it("leaves no `current` when nothing was served before", async () => {
    await using app = await deployerWith({ plugins: [failingIn(place, [])] });
    app.remote.push({ bad: "" });
    expect(await app.deployer.check()).toMatchObject({ outcome: "failed", exitCode: 4, previous: null });
    expect(app.current()).toBeUndefined();
    expect(readdirSync(app.paths.releases)).toEqual([]);
  });
});

it("holds a revision that failed until the branch moves", async () => {
  await using app = await deployerWith({ plugins: [failingIn("build", [])] });
  const hash = app.remote.push({ bad: "" });
  const failed = await app.deployer.check();
  const again = await app.deployer.check();
  expect(again).toMatchObject({ outcome: "held", exitCode: 0, error: null, log: null });
  const run = basename(failed.log as string, ".log");
  const decision = { revision: hash, verdict: "held", reason: `It is bad. (run ${run})`, retryAt: null };
  expect([failed.decision, again.decision]).toEqual([decision, decision]);
  app.remote.push({ good: "" });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
});

it("tries a revision again after 10 and 60 minutes when what it failed for may pass, and then holds it", async () => {
  const minute = 60_000;
  let now = Date.UTC(2026, 10, 20);
  const busy: Plugin = {
    name: "busy",
    async migrate({ release }) {
      if (!readdirSync(release.path).includes("bad")) return;
      throw new DeployError({ code: "ERR_BUSY", exitCode: 4, message: "Busy.", hint: "Wait.", mayPass: true });
    },
  };
  const clock = { ...systemClock, now: () => now };
  await using app = await deployerWith({ plugins: [busy], options: { ports: { clock } } });
  let result: RunResult | undefined;
  const check = async (afterMs: number): Promise<string> => {
    now += afterMs;
    result = await app.deployer.check();
    return result.outcome;
  };
  const retryAt = Date.UTC(2026, 10, 20, 0, 10);
  app.remote.push({ bad: "" });
  expect(await check(0)).toBe("failed");
  expect(result?.decision).toMatchObject({ verdict: "again", retryAt });
  expect(await check(9 * minute)).toBe("backing-off");
  expect(result?.decision).toMatchObject({ verdict: "again", retryAt });
  expect([await check(minute), await check(59 * minute)]).toEqual(["failed", "backing-off"]);
  expect([await check(minute), await check(600 * minute)]).toEqual(["failed", "held"]);
  app.remote.push({ worse: "", bad: "" });
  expect([await check(0), await check(-5 * minute)]).toEqual(["failed", "failed"]); // a clock that was set back
});

it.each([
  ["gate", "backing-off"],
  ["activate post", "held"],
])("what may pass is tried again after a failure in %s: %s", async (place, outcome) => {
  const busy = (): Error =>
    new DeployError({ code: "ERR_BUSY", exitCode: 4, message: "Busy.", hint: "Wait.", mayPass: true });
  await using app = await deployerWith({ plugins: [failingIn(place, [], busy)] });
  app.remote.push({ bad: "" });
  expect(await app.deployer.check()).toMatchObject({ outcome: "failed" });
  expect(await app.deployer.check()).toMatchObject({ outcome });
});

it("frees a held revision when the config changes", async () => {
  await using app = await deployerWith({ plugins: [failingIn("build", [])] });
  app.remote.push({ bad: "" });
  await app.deployer.check();
  expect(await app.deployer.check()).toMatchObject({ outcome: "held" });
  const changed = await app.with({ plugins: [], config: { keepReleases: 3 } });
  expect(await changed.deployer.check()).toMatchObject({ outcome: "deployed" });
});

it("deploys a held revision when a person says so", async () => {
  const failures = [bad()];
  const lucky: Plugin = {
    name: "lucky",
    async build() {
      if (failures.length > 0) throw failures.pop();
    },
  };
  await using app = await deployerWith({ plugins: [lucky] });
  expect(await app.deployer.check()).toMatchObject({ outcome: "failed" });
  expect(await app.deployer.check()).toMatchObject({ outcome: "held" });
  expect(await app.deployer.deploy()).toMatchObject({ outcome: "deployed" });
  expect(await app.deployer.check()).toMatchObject({ outcome: "up-to-date" });
});

it.each([
  ["the machine is unfit", 2, "failed"],
  ["the remote cannot be asked", 7, "unreachable"],
] as const)("holds nothing when %s", async (_title, exitCode, outcome) => {
  const unfit = (): Error => new DeployError({ code: "ERR_X", exitCode, message: "x", hint: "x" });
  await using app = await deployerWith({ plugins: [failingIn("prepare", [], unfit)] });
  app.remote.push({ bad: "" });
  expect(await app.deployer.check()).toMatchObject({ outcome, exitCode });
  expect(await app.deployer.check()).toMatchObject({ outcome, exitCode });
});

it("calls what no one foresaw in a plugin that plugin's failure, with the stack for the report", async () => {
  await using app = await deployerWith({ plugins: [failingIn("build", [], () => new TypeError("x is undefined"))] });
  app.remote.push({ bad: "" });
  const { error, exitCode } = await app.deployer.check();
  expect(exitCode).toBe(4);
  expect(error).toMatchObject({ code: "ERR_PLUGIN_FAILED" });
  expect(error?.details.stack).toContain("stage-failure.test.ts");
});

describe("an undo that fails", () => {
  const stubborn = (undone: string[]): Plugin => ({
    name: "stubborn",
    async build({ undo }) {
      undo("first act", () => void undone.push("first act"));
      undo("second act", async () => {
        throw new Error("cannot be taken back");
      });
      undo("third act", () => void undone.push("third act"));
      throw bad();
    },
  });

  it("ends with exit 5, keeps the first error and does not stop the others", async () => {
    const undone: string[] = [];
    await using app = await deployerWith({ plugins: [stubborn(undone)] });
    const result = await app.deployer.check();
    expect(result).toMatchObject({
      outcome: "failed",
      exitCode: 5,
      error: { code: "ERR_BAD" },
      undoFailures: [{ label: "second act", message: "cannot be taken back" }],
    });
    expect(undone).toEqual(["third act", "first act"]);
    expect(readdirSync(app.paths.releases)).toEqual([]);
  });

  it("holds the revision as well", async () => {
    await using app = await deployerWith({ plugins: [stubborn([])] });
    await app.deployer.check();
    expect(await app.deployer.check()).toMatchObject({ outcome: "held" });
  });
});

it("does not run an undo that was dropped", async () => {
  const undone: string[] = [];
  const careful: Plugin = {
    name: "careful",
    async build({ undo }) {
      const handle = undo("not needed", () => void undone.push("not needed"));
      undo("needed", () => void undone.push("needed"));
      handle.drop();
      throw bad();
    },
  };
  await using app = await deployerWith({ plugins: [careful] });
  await app.deployer.check();
  expect(undone).toEqual(["needed"]);
});

it("gives back what it wrote when the disk is full, says so and holds nothing", async () => {
  await using app = await deployerWith({ config: { shared: ["data/"] } });
  const good = await app.deployer.check();
  app.remote.push({ more: "" });
  const fs = faultyFileSystem(nodeFileSystem, { call: "link", path: "/link-", error: "ENOSPC" });
  const full = await app.with({ options: { ports: { fs } } });
  expect(await full.deployer.check()).toMatchObject({ exitCode: 4, error: { code: "ERR_DISK" }, undoFailures: [] });
  expect(readdirSync(app.paths.releases)).toEqual([good.release?.id]);
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
});

it("keeps serving the previous release when the switch itself fails", async () => {
  await using app = await deployerWith();
  const good = await app.deployer.check();
  app.remote.push({ more: "" });
  const fs = faultyFileSystem(nodeFileSystem, { call: "rename", path: "/current", error: "EIO" });
  const broken = await app.with({ options: { ports: { fs } } });
  expect(await broken.deployer.check()).toMatchObject({ exitCode: 4, error: { code: "ERR_DISK" } });
  expect(app.current()).toBe(good.release?.id);
  expect(readdirSync(app.paths.state).filter((name) => name.startsWith("link-"))).toEqual([]);
});

it("ends what a failed run has left running, also what called setsid", async () => {
  let pid = 0;
  const leaving: Plugin = {
    name: "leaving",
    async build({ runner, release, env }) {
      const { stdout } = await runner.run({
        file: "sh",
        args: ["-c", "setsid sleep 300 >/dev/null 2>&1 & echo $!"],
        cwd: release.path,
        env,
      });
      pid = Number(stdout);
      throw bad();
    },
  };
  await using app = await deployerWith({ plugins: [leaving] });
  expect(await app.deployer.check()).toMatchObject({ exitCode: 4, warnings: [] });
  expect(pid).toBeGreaterThan(1);
  expect(await procProcessTable.identity(pid)).toBeUndefined();
});

it("ends what detect has left running when it fails", async () => {
  let pid = 0;
  const asking: Plugin = {
    name: "asking",
    async detect({ runner, paths, env }) {
      const { stdout } = await runner.run({
        file: "sh",
        args: ["-c", "setsid sleep 300 >/dev/null 2>&1 & echo $!"],
        cwd: paths.root,
        env,
      });
      pid = Number(stdout);
      throw new DeployError({ code: "ERR_X", exitCode: 7, message: "no answer", hint: "x" });
    },
  };
  await using app = await deployerWith({ remote: false, plugins: [asking] });
  expect(await app.deployer.check()).toMatchObject({ exitCode: 7 });
  expect(await procProcessTable.identity(pid)).toBeUndefined();
});

describe("keepFailed", () => {
  it("keeps the newest failed releases aside for a look", async () => {
    await using app = await deployerWith({ plugins: [failingIn("build", [])], config: { keepFailed: 2 } });
    const ids: string[] = [];
    for (const n of [1, 2, 3]) {
      app.remote.push({ bad: String(n) });
      await app.deployer.deploy();
      ids.push(app.reporter.of("release").at(-1)?.id as string);
    }
    expect(readdirSync(app.paths.releases)).toEqual([]);
    const kept = readdirSync(app.paths.failed);
    expect(kept).toHaveLength(2);
    for (const id of kept) expect(ids).toContain(id);
    expect(kept).toContain(ids[2]);
  });
});

it("leaves a failed release that a process works in to a later run", async () => {
  const file = "worker.pid";
  const working: Plugin = {
    name: "working",
    async build({ runner, release }) {
      // Without the run's mark, as a process manager's worker would be.
      const child = runner.start({ file: "sleep", args: ["300"], cwd: release.path, env: { PATH: process.env.PATH! } });
      writeFileSync(join(release.path, "..", "..", file), String(child.pid));
      throw bad();
    },
  };
  await using app = await deployerWith({ plugins: [working] });
  const result = await app.deployer.check();
  const pid = Number(readFileSync(join(app.root, file), "utf8"));
  try {
    expect(result).toMatchObject({ exitCode: 4, undoFailures: [] });
    expect(result.warnings.join()).toContain("A process still works in");
    expect(readdirSync(app.paths.releases)).toHaveLength(1);
  } finally {
    process.kill(-pid, "SIGKILL");
  }
  await expect.poll(() => procProcessTable.identity(pid)).toBeUndefined();
  const next = await app.with({ plugins: [], config: { keepReleases: 2 } });
  const good = await next.deployer.check();
  expect(readdirSync(app.paths.releases)).toEqual([good.release?.id]);
});
