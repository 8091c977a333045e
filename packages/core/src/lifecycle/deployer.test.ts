import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import type { Plugin } from "../plugin/plugin.ts";
import { deployerWith } from "../testing/index.ts";

/** Notes every call of a plugin that taps every stage. */
function everyStage(calls: string[], name = "probe"): Plugin {
  const note = (stage: string) => async (): Promise<void> => void calls.push(`${name}:${stage}`);
  return {
    name,
    preflight: note("preflight"),
    async plan() {
      calls.push(`${name}:plan`);
      return ["note every call"];
    },
    prepare: note("prepare"),
    async link(paths) {
      calls.push(`${name}:link`);
      return paths;
    },
    build: note("build"),
    gate: note("gate"),
    migrate: note("migrate"),
    activate: [
      { order: "post", handler: note("activate post") },
      { order: "pre", handler: note("activate pre") },
    ],
    cleanup: note("cleanup"),
    rollback: note("rollback"),
  };
}

it("runs the stages in their order, and in each the plugins in the order of the config", async () => {
  const calls: string[] = [];
  await using app = await deployerWith({ plugins: [everyStage(calls, "a"), everyStage(calls, "b")] });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", exitCode: 0, error: null });
  const stages = ["prepare", "link", "build", "gate", "migrate", "activate pre", "activate post", "cleanup"];
  expect(calls).toEqual(["preflight", "plan", ...stages].flatMap((stage) => [`a:${stage}`, `b:${stage}`]));
});

it("tells every stage and step to its reporters", async () => {
  await using app = await deployerWith({ plugins: [everyStage([])] });
  const { stages } = await app.deployer.check();
  expect(app.reporter.steps()).toEqual([
    "detect/remote",
    "prepare/remote",
    "prepare/probe",
    "link/probe",
    "link/links",
    "build/probe",
    "gate/probe",
    "gate/settle",
    "migrate/probe",
    "activate/probe",
    "activate/switch-current",
    "activate/probe",
    "cleanup/retention",
    "cleanup/probe",
  ]);
  expect(stages.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(
    ["detect", "prepare", "link", "build", "gate", "migrate", "activate", "cleanup"].map((name) => `${name} ok`),
  );
  expect(app.reporter.events.at(0)).toMatchObject({ type: "stage:start", stage: "detect" });
  expect(app.reporter.events.at(-1)).toMatchObject({ type: "run:end", result: { outcome: "deployed" } });
});

it("leaves the release with its REVISION, a relative link `current` and nothing temporary", async () => {
  await using app = await deployerWith({ config: { shared: ["data/"] } });
  const hash = app.remote.push({ "index.js": "1" });
  const result = await app.deployer.check();
  const id = result.release?.id as string;
  expect(result).toMatchObject({ release: { revision: hash }, previous: null, migrated: {}, recovered: null });
  expect(readlinkSync(app.paths.current)).toBe(`releases/${id}`);
  expect(readFileSync(join(app.paths.current, "REVISION"), "utf8")).toBe(`${hash}\n`);
  expect(readdirSync(join(app.paths.releases, id)).sort()).toEqual(["REVISION", "data", "index.js"]);
  expect(readdirSync(app.paths.state).sort()).toEqual(
    ["cache", "lock.db", "logs", "migrations", "preload", "releases.json", "snapshots", "sockets", "state.db"].sort(),
  );
});

it("keeps its store, lock and logs to its own user", async () => {
  await using app = await deployerWith();
  const { log } = await app.deployer.check();
  const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
  expect([mode(app.paths.state), mode(app.paths.logs), mode(app.paths.cache)]).toEqual(["711", "700", "700"]);
  expect([mode(app.paths.store), mode(app.paths.lock), mode(log as string)]).toEqual(["600", "600", "600"]);
});

it("does nothing and leaves no log while the ref stands where it was deployed from", async () => {
  await using app = await deployerWith();
  const first = await app.deployer.check();
  const second = await app.deployer.check();
  expect(second).toMatchObject({ outcome: "up-to-date", exitCode: 0, release: first.release, log: null });
  expect(readdirSync(app.paths.logs)).toHaveLength(1);
});

it("makes a new release of the same revision when a person says deploy", async () => {
  await using app = await deployerWith();
  const first = await app.deployer.deploy();
  const second = await app.deployer.deploy();
  expect(second).toMatchObject({ outcome: "deployed", previous: first.release });
  expect(second.release?.revision).toBe(first.release?.revision);
  expect(second.release?.id).not.toBe(first.release?.id);
  expect(app.current()).toBe(second.release?.id);
});

it("passes the watched revision over when another ref is deployed, until the branch moves", async () => {
  await using app = await deployerWith();
  await app.deployer.check();
  app.remote.push({ a: "on main" });
  const other = app.remote.push({ a: "on next" }, "next");
  expect(await app.deployer.deploy({ ref: "next" })).toMatchObject({
    outcome: "deployed",
    release: { revision: other },
  });
  expect(await app.deployer.check()).toMatchObject({ outcome: "up-to-date", release: { revision: other } });
  const moved = app.remote.push({ a: "on main again" });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", release: { revision: moved } });
});

it("passes nothing over when the other ref fails", async () => {
  const refusing: Plugin = {
    name: "refusing",
    async build({ release }) {
      if (existsSync(join(release.path, "bad"))) throw new Error("bad");
    },
  };
  await using app = await deployerWith({ plugins: [refusing] });
  app.remote.push({ bad: "" }, "next");
  expect(await app.deployer.deploy({ ref: "next" })).toMatchObject({ outcome: "failed" });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
});

it("tells every problem that preflight finds at once, begins nothing and holds nothing", async () => {
  const calls: string[] = [];
  const unfit: Plugin = {
    name: "unfit",
    async preflight(ctx) {
      ctx.problem("The moon is full.", "Wait a day.");
    },
  };
  await using app = await deployerWith({
    plugins: [unfit, { ...unfit, name: "unfit too" }, everyStage(calls)],
    config: { shared: [".env", "settings.json"] },
  });
  const result = await app.deployer.check();
  expect(result).toMatchObject({ outcome: "failed", exitCode: 2, error: { code: "ERR_PREFLIGHT" }, log: null });
  expect(result.error?.details.problems).toHaveLength(4);
  for (const part of [".env", "settings.json", "unfit: The moon", "unfit too: The moon"])
    expect(result.error?.message).toContain(part);
  expect(calls).toEqual(["probe:preflight"]);
  expect(readdirSync(app.paths.releases)).toEqual([]);

  const mended = await app.with({ plugins: [], config: {} });
  expect(await mended.deployer.check()).toMatchObject({ outcome: "deployed" });
});

it("ends with exit 2 when no plugin knows where the ref stands", async () => {
  await using app = await deployerWith({ remote: false, plugins: [everyStage([])] });
  expect(await app.deployer.check()).toMatchObject({ exitCode: 2, error: { code: "ERR_NO_REVISION" } });
});

it("takes the first plugin's answer to detect and asks no other", async () => {
  const second = vi.fn();
  await using app = await deployerWith({ plugins: [{ name: "second", detect: second }] });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  expect(second).not.toHaveBeenCalled();
});

it("goes on when a listener throws, and tells it once", async () => {
  const broken = {
    onEvent: () => {
      throw new Error("listener is broken");
    },
  };
  await using app = await deployerWith({ options: { reporters: [broken] } });
  const { outcome, warnings } = await app.deployer.check();
  expect(outcome).toBe("deployed");
  expect(warnings).toEqual([expect.stringContaining("listener is broken")]);
});

it("turns a failing cleanup into a warning: the release is served", async () => {
  const untidy: Plugin = {
    name: "untidy",
    async cleanup() {
      throw new Error("the broom is gone");
    },
  };
  const calls: string[] = [];
  await using app = await deployerWith({ plugins: [untidy, everyStage(calls)] });
  const result = await app.deployer.check();
  expect(result).toMatchObject({ outcome: "deployed", exitCode: 0, error: null });
  expect(result.warnings.join()).toContain("the broom is gone");
  expect(calls).toContain("probe:cleanup");
  expect(app.current()).toBe(result.release?.id);
});

it("names the migrations that were committed, also when a later stage fails", async () => {
  const migrating: Plugin = {
    name: "migrating",
    async migrate(ctx) {
      ctx.migrated("core", ["0001_sku"]);
      ctx.migrated("core", ["0002_tax"]);
    },
    activate: {
      order: "post",
      async handler() {
        throw new Error("unhealthy");
      },
    },
  };
  await using app = await deployerWith({ plugins: [migrating] });
  expect(await app.deployer.check()).toMatchObject({
    outcome: "failed",
    migrated: { core: ["0001_sku", "0002_tax"] },
  });
});

it("keeps secrets out of result and log", async () => {
  const leaking: Plugin = {
    name: "leaking",
    async build(ctx) {
      ctx.output("token is hunter2hunter2");
      ctx.warn("push to https://me:hunter2hunter2@example.org failed");
      throw new Error("hunter2hunter2 was refused");
    },
  };
  await using app = await deployerWith({
    plugins: [leaking],
    options: { environment: { ...process.env, NPM_TOKEN: "hunter2hunter2" } },
  });
  const result = await app.deployer.check();
  expect(result.error?.message).toContain("[redacted] was refused");
  expect(JSON.stringify(result)).not.toContain("hunter2");
  expect(readFileSync(result.log as string, "utf8")).not.toContain("hunter2");
  expect(JSON.stringify(app.reporter.events)).not.toContain("hunter2");
});

it("refuses a `current` that is a real directory, and leaves it as it is", async () => {
  await using app = await deployerWith();
  mkdirSync(join(app.paths.current, "old"), { recursive: true });
  expect(await app.deployer.check()).toMatchObject({ exitCode: 2, error: { code: "ERR_CURRENT_IS_DIRECTORY" } });
  expect(readdirSync(app.paths.current)).toEqual(["old"]);
});

it("refuses the root of another app", async () => {
  await using app = await deployerWith();
  await app.deployer.check();
  const other = await app.with({ config: { app: "blog" } });
  expect(await other.deployer.check()).toMatchObject({ exitCode: 2, error: { code: "ERR_OTHER_APP" } });
});

it("gives handlers the app's directory of a monorepo, and refuses a revision that has none", async () => {
  const seen: string[] = [];
  const looking: Plugin = {
    name: "looking",
    async build({ release }) {
      seen.push(release.appPath.slice(release.path.length));
    },
  };
  await using app = await deployerWith({ plugins: [looking], config: { directory: "apps/web" } });
  expect(await app.deployer.check()).toMatchObject({ exitCode: 2, error: { code: "ERR_DIRECTORY_MISSING" } });
  app.remote.push({ "apps/web/package.json": "{}" });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  expect(seen).toEqual(["/apps/web"]);
});
