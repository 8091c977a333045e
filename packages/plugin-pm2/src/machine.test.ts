import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PreflightContext } from "@deployer/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readEcosystem } from "./ecosystem.ts";
import { gate } from "./gate.ts";
import { settingsOf } from "./options.ts";
import { plan } from "./plan.ts";
import { preflight } from "./preflight.ts";
import { Machine } from "./testing/machine.ts";

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.make();
});

afterEach(() => machine.close());

async function problemsOf(options: Parameters<typeof settingsOf>[0]): Promise<string[]> {
  const problems: string[] = [];
  const context: PreflightContext = {
    ...machine.context(),
    problem: (message) => void problems.push(message),
    useNode: () => {},
  };
  await preflight(context, settingsOf(options));
  return problems;
}

describe("preflight", () => {
  it("finds nothing wrong on a machine without a daemon, and starts none", async () => {
    expect(await problemsOf({ ecosystem: "e.cjs" })).toEqual([]);
    expect(await machine.manager.daemonPid()).toBeUndefined();
  });

  it("says that PM2 is not where it should be, or lies in a release", async () => {
    expect(await problemsOf({ ecosystem: "e.cjs", path: "/nowhere/pm2" })).toEqual([
      "There is no PM2 at /nowhere/pm2.",
    ]);
    const inside = join(machine.root, "releases", "r1", "node_modules", "pm2");
    await mkdir(inside, { recursive: true });
    await writeFile(join(inside, "package.json"), "{}");
    expect(await problemsOf({ ecosystem: "e.cjs", path: inside })).toEqual([
      expect.stringContaining("lies inside a release"),
    ]);
  });

  it("says how long PM2_HOME may be", async () => {
    process.env.PM2_HOME = `/tmp/${"x".repeat(100)}`;
    expect(await problemsOf({ ecosystem: "e.cjs" })).toEqual([expect.stringContaining("91 are allowed")]);
    process.env.PM2_HOME = machine.home;
  });
});

describe("the ecosystem file", () => {
  it.each([
    ["a.config.cjs", 'console.log("hello"); module.exports = { apps: [{ name: "shop", script: "a.js" }] };'],
    ["a.config.mjs", 'export default { apps: [{ name: "shop", script: "a.js" }] };'],
    ["a.json", '{ "apps": [{ "name": "shop", "script": "a.js" }] }'],
    ["a.js", 'module.exports = { name: "shop", script: "a.js" };'],
  ])("may be %s", async (name, text) => {
    await writeFile(join(machine.root, name), text);
    expect(await readEcosystem(machine.context(), machine.root, name)).toEqual([{ name: "shop", script: "a.js" }]);
  });

  it("runs outside the deployer, with a clean environment", async () => {
    process.env.DEPLOYER_TEST_SECRET = "secret";
    await writeFile(
      join(machine.root, "e.cjs"),
      "globalThis.touched = true; module.exports = { name: 'x', script: 'a.js', env: { ...process.env } };",
    );
    const [app] = await readEcosystem(machine.context(), machine.root, "e.cjs");
    delete process.env.DEPLOYER_TEST_SECRET;
    expect(globalThis).not.toHaveProperty("touched");
    expect(app?.env).not.toHaveProperty("DEPLOYER_TEST_SECRET");
    expect(app?.env).not.toHaveProperty("DEPLOYER_RUN");
  });

  it.each([
    ["is missing", undefined, "has no e.cjs"],
    ["throws", 'throw new Error("broken");', "broken"],
    ["lists no app", "module.exports = {};", "lists no app"],
  ])("is a clear error when it %s", async (_, text, message) => {
    if (text !== undefined) await writeFile(join(machine.root, "e.cjs"), text);
    await expect(readEcosystem(machine.context(), machine.root, "e.cjs")).rejects.toMatchObject({
      code: "ERR_PM2_ECOSYSTEM",
      exitCode: 2,
      message: expect.stringContaining(message),
    });
  });
});

describe("the gate", { timeout: 15_000 }, () => {
  const settings = settingsOf({
    ecosystem: "ecosystem.config.cjs",
    health: { path: "/health", json: "revision" },
    healthTimeoutMs: 3_000,
    gate: { settleMs: 300, env: { FLAG: "trial" } },
  });

  it("lets a good release pass without a daemon, with the app's environment and the gate's", async () => {
    const release = await machine.release({
      last: 'console.error("flag", process.env.FLAG, process.env.DEPLOYER_GATE);',
    });
    const context = machine.gateContext(release);
    await gate(context, settings);
    expect((context as unknown as { outputs: string[] }).outputs).toContain("flag trial 1");
    expect(await machine.manager.daemonPid()).toBeUndefined();
  });

  it("refuses a bad one", async () => {
    const release = await machine.release({ first: 'throw new Error("no database here");' });
    await expect(gate(machine.gateContext(release), settings)).rejects.toMatchObject({ code: "ERR_CANDIDATE_DIED" });
  });

  it("tries nothing when it is off, and says so", async () => {
    const release = await machine.release({ first: 'throw new Error("no database here");' });
    const context = machine.gateContext(release);
    await gate(context, settingsOf({ ecosystem: "ecosystem.config.cjs", health: "/health", gate: false }));
    expect((context as unknown as { warnings: string[] }).warnings).toEqual([expect.stringContaining("not tried")]);
  });

  it("refuses fork mode and missing scripts before anything is started", async () => {
    const forked = await machine.release({ ecosystem: { exec_mode: "fork" } });
    await expect(gate(machine.gateContext(forked), settings)).rejects.toMatchObject({
      code: "ERR_PM2_FORK",
      exitCode: 2,
    });
    const missing = await machine.release({ ecosystem: { script: "dist/server.js" } });
    await expect(gate(machine.gateContext(missing), settings)).rejects.toMatchObject({
      code: "ERR_PM2_DEFINITION",
      message: expect.stringContaining("dist/server.js is not in the release"),
    });
  });
});

it("plans a start where nothing runs", async () => {
  await symlink("/nowhere", join(machine.root, "current"));
  const context = { ...machine.context(), revision: { hash: "", ref: "", remote: "" }, current: undefined };
  expect(await plan(context, settingsOf({ ecosystem: "e.cjs" }))).toEqual(["start the apps of e.cjs"]);
  expect(await plan(context, settingsOf({ apps: { shop: { script: "a.js" } } }))).toEqual(["start shop"]);
});
