import { once } from "node:events";
import { chown, mkdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import type { PreflightContext } from "@deployer/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readEcosystem } from "./ecosystem.ts";
import { gate } from "./gate.ts";
import { settingsOf } from "./options.ts";
import { plan } from "./plan.ts";
import { preflight } from "./preflight.ts";
import { withReloadLock } from "./reload-lock.ts";
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

  it("says whose the daemon is when it is another user's", async () => {
    await mkdir(machine.home);
    const server = createServer().listen(join(machine.home, "rpc.sock"));
    await once(server, "listening");
    try {
      // The tests may not be root: then nobody else's file can be made.
      if (process.getuid?.() !== 0) return;
      await chown(join(machine.home, "rpc.sock"), 65_534, 65_534);
      expect(await problemsOf({ ecosystem: "e.cjs" })).toEqual([expect.stringContaining("belongs to uid 65534")]);
    } finally {
      server.close();
    }
  });

  it("says that the daemon is too old, and asks it for nothing more", async () => {
    await mkdir(machine.home);
    const report = { argv: [process.execPath, "/opt/pm2/lib/Daemon.js"], pm2_version: "4.5.6", node_version: "16.0.0" };
    const server = createServer((socket) => {
      socket.once("data", () => {
        const parts = [`j:${JSON.stringify({ args: [report] })}`, "s:1"].map((text) => {
          const length = Buffer.alloc(4);
          length.writeUInt32BE(Buffer.byteLength(text));
          return Buffer.concat([length, Buffer.from(text)]);
        });
        socket.end(Buffer.concat([Buffer.from([(1 << 4) | 2]), ...parts]));
      });
    }).listen(join(machine.home, "rpc.sock"));
    await once(server, "listening");
    try {
      expect(await problemsOf({ ecosystem: "e.cjs" })).toContainEqual(expect.stringContaining("of version 4.5.6"));
    } finally {
      server.close();
    }
  });

  it("says how long PM2_HOME may be", async () => {
    process.env.PM2_HOME = `/tmp/${"x".repeat(100)}`;
    expect(await problemsOf({ ecosystem: "e.cjs" })).toEqual([expect.stringContaining("91 are allowed")]);
    process.env.PM2_HOME = machine.home;
  });
});

describe("PM2's own reload lock", () => {
  const waits = async (text: string | undefined) => {
    await mkdir(machine.home);
    if (text !== undefined) await writeFile(join(machine.home, "reload.lock"), text);
    const context = machine.context();
    expect(await withReloadLock(context, async () => "done")).toBe("done");
    return (context as unknown as { infos: string[] }).infos.length > 0;
  };

  it.each([
    ["none", undefined],
    ["garbage", "not a number"],
    ["a time to come", String(Date.now() + 3_600_000)],
    ["half a minute old, of a kill", String(Date.now() - 30_000)],
  ])("that is %s is not waited for", async (_, text) => {
    expect(await waits(text)).toBe(false);
  });

  it("of somebody at work is waited for, half a minute at most", async () => {
    expect(await waits(String(Date.now() - 29_000))).toBe(true);
  });

  it("of a run of this app that was killed is not waited for", async () => {
    await mkdir(machine.home);
    const killed = withReloadLock(machine.context(), () => Promise.reject(new Error("killed")));
    await expect(killed).rejects.toThrow("killed");
    const left = String(machine.context().state.get("reload-lock"));
    await writeFile(join(machine.home, "reload.lock"), left);
    const context = machine.context();
    await withReloadLock(context, async () => {});
    expect((context as unknown as { infos: string[] }).infos).toEqual([]);
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

describe("the gate", () => {
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
