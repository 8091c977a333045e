import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { SharedPath } from "../release/shared-path.ts";
import { RunStore } from "../store/run-store.ts";
import { deployerWith, type TestDeployer } from "../testing/index.ts";
import { definePlugin } from "./define-plugin.ts";
import type { Plugin } from "./plugin.ts";

const HASH = "a".repeat(40);
const DATA: SharedPath = { path: "data", kind: "directory" };
const nothing = async (): Promise<undefined> => undefined;

/** An app that is served already, and whose next deployment meets this plugin. */
async function served(
  odd: Omit<Plugin, "name">,
  config: Parameters<typeof deployerWith>[0] = {},
): Promise<TestDeployer> {
  const app = await deployerWith({ config: { shared: ["data/"], ...config.config } });
  expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  writeFileSync(join(app.paths.shared, "data", "row"), "a visitor's");
  app.remote.push({ next: "" });
  const next = await app.with({ plugins: [{ name: "odd", ...odd } as Plugin] });
  return { ...next, remove: app.remove, [Symbol.asyncDispose]: app.remove };
}

/** What served is served still, nothing is left of the try, and nothing lies where nothing should. */
function expectUntouched(app: TestDeployer): void {
  expect(readdirSync(app.root).sort()).toEqual([".deployer", "current", "releases", "shared"]);
  expect(readdirSync(app.paths.releases)).toEqual([app.current()]);
  expect(existsSync(join(app.paths.current, "REVISION"))).toBe(true);
  expect(readdirSync(app.paths.shared)).toEqual(["data"]);
  expect(readFileSync(join(app.paths.shared, "data", "row"), "utf8")).toBe("a visitor's");
}

async function expectRefused(odd: Omit<Plugin, "name">, stage: string, problem: RegExp): Promise<void> {
  await using app = await served(odd);
  expect(await app.deployer.check()).toMatchObject({
    outcome: "failed",
    exitCode: 4,
    error: {
      code: "ERR_PLUGIN_ANSWER",
      message: expect.stringMatching(problem),
      details: { plugin: "odd", stage },
    },
  });
  expectUntouched(app);
}

describe("a revision that a plugin answers", () => {
  it.each([
    [{ hash: "../../../main", ref: "main", remote: "x" }, /Plugin "odd" .* "\.\.\/\.\.\/\.\.\/main"/],
    [{ hash: "abc1234", ref: "main", remote: "x" }, /hash/],
    [{ hash: HASH.toUpperCase(), ref: "main", remote: "x" }, /hash/],
    [{ hash: HASH, ref: "", remote: "x" }, /ref/],
    [{ hash: HASH, ref: "main\n", remote: "x" }, /ref/],
    [{ hash: HASH, ref: "main", remote: 7 }, /remote/],
    [{ hash: HASH }, /ref/],
    [null, /detect/],
    [HASH, /detect/],
  ])("is refused unless it is a whole hash, a ref and a remote: %j", async (answer, problem) => {
    const odd = { detect: async () => answer as never };
    await using app = await deployerWith({ config: { shared: ["data/"] } });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    writeFileSync(join(app.paths.shared, "data", "row"), "a visitor's");
    const next = await app.with({ remote: false, plugins: [{ name: "odd", ...odd }] });
    expect(await next.deployer.check()).toMatchObject({
      exitCode: 4,
      error: {
        code: "ERR_PLUGIN_ANSWER",
        message: expect.stringMatching(problem),
        details: { plugin: "odd", stage: "detect", step: "odd" },
      },
    });
    expectUntouched(app);
  });

  it("is taken with 40 digits and with 64", async () => {
    for (const hash of [HASH, "0123456789abcdef".repeat(4)]) {
      const plugin: Plugin = {
        name: "mine",
        detect: async () => ({ hash, ref: "main", remote: "x", more: 1 }) as never,
      };
      await using app = await deployerWith({ remote: false, plugins: [plugin] });
      expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", release: { revision: hash } });
    }
  });
});

describe("a list of shared paths that a plugin answers", () => {
  it.each<[string, (paths: readonly SharedPath[]) => unknown, RegExp]>([
    ["nothing", () => undefined, /a list/],
    ["no list", () => ({}), /a list/],
    ["an empty list, which drops what the config shares", () => [], /"data" is missing/],
    ["a list in which another's entry has become a file", () => [{ path: "data", kind: "file" }], /"data"/],
    ["a list in which another's directory may be seeded", () => [{ ...DATA, seed: true }], /"data"/],
    ["a list that has an entry twice, once as a file", (paths) => [...paths, { path: "data", kind: "file" }], /"data"/],
    ["a path outside the app", (paths) => [...paths, { path: "../outside", kind: "directory" }], /"\.\.\/outside"/],
    [
      "the list that it was given, emptied",
      (paths) => {
        (paths as SharedPath[]).length = 0;
        return paths;
      },
      /"data" is missing/,
    ],
    [
      "the list that it was given, with another path in it",
      (paths) => {
        Object.assign(paths[0] as SharedPath, { path: "elsewhere" });
        return paths;
      },
      /"data" is missing/,
    ],
    [
      "a path outside, further in",
      (paths) => [...paths, { path: "a/../../b", kind: "directory" }],
      /"a\/\.\.\/\.\.\/b"/,
    ],
    ["an absolute path", (paths) => [...paths, { path: "/etc/shop", kind: "directory" }], /"\/etc\/shop"/],
    ["a path that is not in its plain form", (paths) => [...paths, { path: "a//b/", kind: "directory" }], /"a\/\/b\/"/],
    ["a path without a kind", (paths) => [...paths, { path: "a" }], /kind/],
    ["a path of the release's own", (paths) => [...paths, { path: ".rehearsal/x", kind: "directory" }], /rehearsal/],
    ["a path below another", (paths) => [...paths, { path: "data/x", kind: "directory" }], /overlaps/],
    [
      "a substitute that owns what lies elsewhere",
      (paths) => substituted(paths, { owns: [".env"], fill: nothing }),
      /owns/,
    ],
    ["a substitute that cannot be filled", (paths) => substituted(paths, { owns: ["data/a.db"] }), /fill/],
    [
      "a substitute for what another one owns",
      (paths) => {
        const substitute = { owns: ["data/a.db"], fill: nothing };
        return substituted(substituted(paths, substitute) as SharedPath[], { ...substitute });
      },
      /"data\/a\.db"/,
    ],
  ])("is refused when it is %s", async (_case, answer, problem) => {
    await expectRefused({ link: async (paths) => answer(paths) as never }, "link", problem);
  });

  it("may add a path, repeat one, and substitute", async () => {
    const odd = async (paths: readonly SharedPath[]) => [
      ...(substituted(paths, { owns: ["data/a.db"], fill: nothing }) as SharedPath[]),
      { path: "logs", kind: "directory" as const },
      { ...DATA },
    ];
    await using app = await served({ link: odd });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(readdirSync(app.paths.shared)).toEqual(["data", "logs"]);
  });

  it("stays what it was when it was checked", async () => {
    const logs = { path: "logs", kind: "directory" as const };
    let reads = 0;
    const shifting = {
      kind: "directory" as const,
      get path() {
        reads += 1;
        return reads > 3 ? "../outside" : "uploads";
      },
    };
    const changeLater = () => setImmediate(() => Object.assign(logs, { path: "../outside" }));
    await using app = await served({ link: async (paths) => after([...paths, logs, shifting], changeLater) });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(readdirSync(app.paths.shared)).toEqual(["data", "logs", "uploads"]);
    expect(readdirSync(app.root).sort()).toEqual([".deployer", "current", "releases", "shared"]);
  });

  it("does not lose what an earlier plugin added", async () => {
    const first: Plugin = { name: "first", link: async (paths) => [...paths, { path: "logs", kind: "directory" }] };
    await using app = await deployerWith({
      plugins: [first, { name: "odd", link: async (paths) => paths.filter(({ path }) => path !== "logs") }],
    });
    expect(await app.deployer.check()).toMatchObject({
      exitCode: 4,
      error: { code: "ERR_PLUGIN_ANSWER", message: expect.stringContaining('"logs" is missing') },
    });
  });
});

function substituted(paths: readonly SharedPath[], substitute: object): unknown {
  return paths.map((entry) =>
    entry.path === "data" ? { ...entry, substitutes: [...(entry.substitutes ?? []), substitute] } : entry,
  );
}

describe("what a substitute answers", () => {
  it.each<[string, unknown, RegExp]>([
    ["no object", "A=1", /an object/],
    ["a variable that is no text", { env: { A: 1 } }, /A/],
    ["a name that no variable can have", { env: { "A=B": "" } }, /A=B/],
    ["the mark by which a run's processes are found", { env: { DEPLOYER_RUN: "x" } }, /DEPLOYER_RUN/],
  ])("is refused when it is %s", async (_case, answer, problem) => {
    const fill = async (): Promise<never> => answer as never;
    const odd = async (paths: readonly SharedPath[]) =>
      substituted(paths, { owns: ["data/a.db"], fill }) as SharedPath[];
    await expectRefused({ link: odd }, "link", problem);
  });

  it.each<[string, (directory: string) => unknown, RegExp]>([
    [
      "a copy outside its directory",
      (directory) => ({ copies: [{ name: "/a", live: "/a", copy: `${directory}/../b` }] }),
      /copy/,
    ],
    [
      "a live file without a whole path",
      (directory) => ({ copies: [{ name: "a", live: "a", copy: `${directory}/a` }] }),
      /live/,
    ],
  ])("beside the app is refused when it is %s", async (_case, answer, problem) => {
    const odd: Plugin["link"] = async (paths, { copyBeside }) => {
      copyBeside({ fill: async (directory) => answer(directory) as never });
      return paths;
    };
    await expectRefused({ link: odd }, "link", problem);
  });
});

describe("what a plugin calls with odd values is refused by name", () => {
  it.each<[string, Omit<Plugin, "name">, RegExp]>([
    ["prepare", { prepare: async ({ undo }) => void undo("x", undefined as never) }, /undo/],
    ["prepare", { prepare: async ({ state }) => state.set("", 1) }, /state/],
    ["prepare", { prepare: async ({ state }) => state.set("a", undefined) }, /state/],
    ["prepare", { prepare: async ({ state }) => state.set("a", 1n) }, /state/],
    ["prepare", { prepare: async ({ wait }) => wait(Number.NaN) }, /wait/],
    ["prepare", { prepare: async ({ info }) => info(7 as never) }, /info/],
    ["prepare", { prepare: async ({ warn }) => warn(undefined as never) }, /warn/],
    ["link", { link: (paths, { skipGate }) => after(paths, () => skipGate("" as never)) }, /skipGate/],
    [
      "link",
      { link: (paths, { tryPrevious }) => after(paths, () => tryPrevious({ mayFail: 1 } as never)) },
      /tryPrevious/,
    ],
    ["link", { link: (paths, { copyBeside }) => after(paths, () => copyBeside({} as never)) }, /copyBeside/],
    ["build", { build: async ({ links }) => links.empty("elsewhere") }, /"elsewhere"/],
    ["migrate", { migrate: async ({ migrated }) => migrated("core", "0001" as never) }, /migrated/],
    ["migrate", { migrate: async ({ migrated }) => migrated("", ["0001"]) }, /migrated/],
    ["migrate", { migrate: async ({ oneWay }) => oneWay("", "hint") }, /oneWay/],
    [
      "activate",
      { activate: { order: "post", handler: async ({ measured }) => measured({ sent: -1, failed: 0, worstMs: 0 }) } },
      /measured/,
    ],
  ])("in %s: %o", async (stage, odd, problem) => {
    await expectRefused(odd, stage, problem);
  });

  it("before the run: a Node that is no path, a problem without words", async () => {
    for (const preflight of [
      async ({ useNode }) => useNode("node", "it is there"),
      async ({ problem }) => problem("", ""),
    ] satisfies Plugin["preflight"][]) {
      await using app = await served({ preflight });
      expect(await app.deployer.check()).toMatchObject({
        error: { code: "ERR_PLUGIN_ANSWER", details: { plugin: "odd", stage: "preflight" } },
      });
      expectUntouched(app);
    }
  });

  it("as a plan that is no list of texts", async () => {
    await expectRefused({ plan: async () => [1] as never }, "plan", /text/);
    await expectRefused({ plan: async () => "build" as never }, "plan", /list/);
  });
});

describe("an error that a plugin throws", () => {
  it.each<[string, Omit<Plugin, "name">]>([
    ["preflight", { preflight: fail }],
    ["plan", { plan: fail }],
    ["prepare", { prepare: fail }],
    ["link", { link: fail }],
    ["link", { link: async (paths) => substituted(paths, { owns: ["data/a.db"], fill: fail }) as SharedPath[] }],
    [
      "gate",
      {
        link: async (paths) => substituted(paths, { owns: ["data/a.db"], fill: nothing, settle: fail }) as SharedPath[],
      },
    ],
    ["build", { build: [{ step: "compile", handler: fail }] }],
    ["activate", { activate: { order: "pre", handler: fail } }],
  ])("in %s is the plugin's: exit 4, undone, with its name", async (stage, odd) => {
    await using app = await served(odd);
    expect(await app.deployer.check()).toMatchObject({
      exitCode: 4,
      error: {
        code: "ERR_PLUGIN_FAILED",
        message: expect.stringMatching(/^Plugin "odd" failed in .*: its own fault/),
        details: { plugin: "odd", stage, stack: expect.stringContaining("answers.test.ts") },
      },
    });
    expectUntouched(app);
  });

  it("that is no Error is told all the same", async () => {
    await using app = await served({ build: async () => Promise.reject("just words") });
    expect(await app.deployer.check()).toMatchObject({
      exitCode: 4,
      error: { code: "ERR_PLUGIN_FAILED", message: expect.stringContaining("just words") },
    });
  });
});

async function after<T>(answer: T, act: () => void): Promise<T> {
  act();
  return answer;
}

async function fail(): Promise<never> {
  throw new Error("its own fault");
}

it.each([undefined, {}, { name: "" }, { name: "core" }])(
  "what makes no plugin (%j) is a problem of the config",
  async (made) => {
    const given = deployerWith({ plugins: [definePlugin(() => made as never)()] });
    await expect(given).rejects.toMatchObject({
      code: "ERR_CONFIG",
      message: expect.stringContaining("makes no plugin"),
    });
  },
);

it("a plugin whose stage is no function is a problem of the config", async () => {
  for (const build of [{ handler: "npm run build" }, "npm run build", { handler: async () => {}, step: 7 }]) {
    await expect(deployerWith({ plugins: [{ name: "odd", build } as never] })).rejects.toMatchObject({
      ...{ code: "ERR_CONFIG", exitCode: 2 },
      message: expect.stringContaining("plugins (odd)"),
    });
  }
});

describe("a command of a plugin", () => {
  it.each([
    ["that fails", fail, "ERR_PLUGIN_FAILED"],
    ["that answers what cannot be told", async () => ({ big: 1n }), "ERR_PLUGIN_ANSWER"],
  ])("%s is told by name, be it a run or only a look", async (_case, run, code) => {
    const commands = { look: { summary: "Look.", run }, act: { summary: "Act.", changes: true, run } };
    await using app = await deployerWith({ plugins: [{ name: "odd", commands } as never] });
    const [look, act] = app.deployer.commands();
    const input = { args: {}, flags: {} };
    await expect(app.deployer.inspect(look as never, input)).rejects.toMatchObject({
      ...{ code, exitCode: 4 },
      details: { plugin: "odd", stage: "command", step: "look" },
    });
    expect(await app.deployer.change(act as never, input)).toMatchObject({ exitCode: 4, error: { code } });
  });
});

it("the folder of a release that is not below `releases` is never removed", async () => {
  await using app = await served({ build: fail });
  mkdirSync(join(app.root, "keep"));
  const store = RunStore.open(app.paths.store, { app: "shop", environment: null });
  store.adoptRelease("../keep", { hash: HASH, ref: "main", remote: "x" }, false, 0);
  store.setReleaseStatus("../keep", "failed");
  store.close();
  const next = await app.with({ plugins: [] });
  expect(await next.deployer.deploy()).toMatchObject({ outcome: "deployed" });
  expect(existsSync(join(app.root, "keep"))).toBe(true);
});
