import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { procProcessTable } from "@deployer/core";
import {
  type CommitFiles,
  type DeployerWith,
  deployerWith,
  memoryRemote,
  scriptedRunner,
  type TestDeployer,
  temporaryDirectory,
} from "@deployer/core/testing";
import { describe, expect, it } from "vitest";
import { node } from "./node.ts";
import type { NodeOptions } from "./options.ts";

function appOf(files: CommitFiles, options: NodeOptions = {}, more: DeployerWith = {}): Promise<TestDeployer> {
  return deployerWith({ remote: memoryRemote(files), plugins: [node(options)], ...more });
}

function json(value: object): string {
  return JSON.stringify(value);
}

/** What npm writes for one dependency in a folder: nothing of it comes over the network. */
function withLocalDependency(kind: "dependencies" | "devDependencies"): CommitFiles {
  const dev = kind === "devDependencies";
  const pkg = { name: "shop", version: "1.0.0", [kind]: { tool: "file:./tool" }, scripts: { build: "tool" } };
  return {
    "package.json": json(pkg),
    "package-lock.json": json({
      name: "shop",
      version: "1.0.0",
      lockfileVersion: 3,
      requires: true,
      packages: {
        "": { name: "shop", version: "1.0.0", [kind]: { tool: "file:./tool" } },
        "node_modules/tool": { resolved: "tool", link: true },
        tool: { version: "1.0.0", bin: { tool: "cli.js" }, ...(dev ? { dev } : {}) },
      },
    }),
    "tool/package.json": json({ name: "tool", version: "1.0.0", bin: { tool: "cli.js" } }),
    "tool/cli.js":
      "#!/usr/bin/env node\nrequire('fs').writeFileSync('built', process.version + ' ' + process.env.DEPLOYER_REVISION)\n",
  };
}

describe("with real npm", () => {
  it("installs what the lockfile says and runs the build with it, on the run's own Node", async () => {
    await using app = await appOf(withLocalDependency("dependencies"));
    const result = await app.deployer.check();
    expect(result).toMatchObject({ outcome: "deployed", error: null });
    expect(readFileSync(join(app.paths.current, "built"), "utf8")).toBe(
      `${process.version} ${result.release?.revision}`,
    );
    expect(app.reporter.steps()).toEqual(expect.arrayContaining(["build/install", "build/build"]));
  });

  it("installs devDependencies also where NODE_ENV says production: the build needs them", async () => {
    await using app = await appOf(
      withLocalDependency("devDependencies"),
      {},
      { config: { env: ["NODE_ENV"] }, options: { environment: { ...process.env, NODE_ENV: "production" } } },
    );
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", error: null });
    expect(existsSync(join(app.paths.current, "node_modules/tool/cli.js"))).toBe(true);
  });

  it("fails when the lockfile does not fit, with npm's own words in the log", async () => {
    const files = withLocalDependency("dependencies");
    const pkg = { ...JSON.parse(files["package.json"] as string), dependencies: { other: "file:./tool" } };
    await using app = await appOf({ ...files, "package.json": json(pkg) });
    const { error, exitCode, log } = await app.deployer.check();
    expect(exitCode).toBe(4);
    expect(error).toMatchObject({ code: "ERR_INSTALL_FAILED", message: expect.stringContaining('"npm ci') });
    expect(readFileSync(log as string, "utf8")).toContain("are in sync");
  });
});

describe("the installation", () => {
  const lockfile = { "package-lock.json": "{}", "package.json": "{}" };

  it("runs where the lockfile lies, the build in the app's directory", async () => {
    const runner = scriptedRunner();
    const files = { ...lockfile, "apps/web/package.json": json({ scripts: { build: "x" } }) };
    await using app = await appOf(files, {}, { config: { directory: "apps/web" }, options: { ports: { runner } } });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    const path = join(app.paths.releases, app.current() as string);
    expect(runner.commands.map(({ file, args, cwd }) => [file, args?.[0], cwd])).toEqual([
      ["npm", "--version", path],
      ["npm", "ci", path],
      ["npm", "run", join(path, "apps/web")],
    ]);
  });

  it("is left out for an app without dependencies, which needs no lockfile", async () => {
    const runner = scriptedRunner();
    await using app = await appOf({ "package.json": "{}" }, {}, { options: { ports: { runner } } });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(runner.commands).toEqual([]);
    expect(app.reporter.of("info").map(({ text }) => text)).toContain(
      "The app has no dependencies: nothing to install.",
    );
  });

  it.each([{ dependencies: { a: "1" } }, { devDependencies: { a: "1" } }, { workspaces: ["apps/*"] }])(
    "without a lockfile is refused for an app with %j",
    async (pkg) => {
      await using app = await appOf({ "package.json": json(pkg) });
      expect(await app.deployer.check()).toMatchObject({ exitCode: 4, error: { code: "ERR_LOCKFILE_MISSING" } });
    },
  );

  it("is left out when the config says so", async () => {
    const runner = scriptedRunner();
    await using app = await appOf(lockfile, { install: false, build: false }, { options: { ports: { runner } } });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(runner.commands).toEqual([]);
  });

  it("is refused with a lockfile at a shared path: it comes with the revision", async () => {
    await using app = await appOf(lockfile, {}, { config: { shared: [{ path: "package-lock.json", seed: true }] } });
    expect(await app.deployer.check()).toMatchObject({ exitCode: 2, error: { code: "ERR_LOCKFILE_SHARED" } });
  });

  it.each([
    ["of another major version", { stdout: "10.2.0" }, "asks for npm@11.0.0; PATH has 10.2.0"],
    ["that is missing", { missing: true }, "which is not on PATH"],
  ])("is refused with a package manager %s", async (_title, answer, message) => {
    const runner = scriptedRunner(({ args }) => (args?.[0] === "--version" ? answer : undefined));
    const files = { ...lockfile, "package.json": json({ packageManager: "npm@11.0.0" }) };
    await using app = await appOf(files, {}, { options: { ports: { runner } } });
    const { error, exitCode } = await app.deployer.check();
    expect(exitCode).toBe(2);
    expect(error).toMatchObject({ code: "ERR_PACKAGE_MANAGER", hint: "npm install --global npm@11.0.0" });
    expect(error?.message).toContain(message);
  });

  it("takes another minor version of the package manager", async () => {
    const runner = scriptedRunner(({ args }) => (args?.[0] === "--version" ? { stdout: "11.6.2" } : undefined));
    const files = { ...lockfile, "package.json": json({ packageManager: "npm@11.0.0" }) };
    await using app = await appOf(files, {}, { options: { ports: { runner } } });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
  });
});

describe("the build", () => {
  it("is left out when there is no script of that name and none was asked for", async () => {
    const runner = scriptedRunner();
    await using app = await appOf(
      { "package.json": json({ scripts: { test: "x" } }) },
      {},
      { options: { ports: { runner } } },
    );
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(runner.commands).toEqual([]);
  });

  it("is refused when the script that was asked for is not there, naming those that are", async () => {
    await using app = await appOf(
      { "package.json": json({ scripts: { test: "x", lint: "y" } }) },
      { build: "compile" },
    );
    expect(await app.deployer.check()).toMatchObject({
      exitCode: 4,
      error: { code: "ERR_SCRIPT_MISSING", message: 'package.json has no script "compile"; it has test, lint.' },
    });
  });

  it("may be a command of its own", async () => {
    await using app = await appOf({}, { build: ["sh", "-c", "echo $DEPLOYER_REVISION > built"] });
    const { release } = await app.deployer.check();
    expect(readFileSync(join(app.paths.current, "built"), "utf8")).toBe(`${release?.revision}\n`);
  });

  it("that fails fails the run, with its last lines", async () => {
    await using app = await appOf({}, { build: ["sh", "-c", "echo type error in a.ts; exit 2"] });
    expect(await app.deployer.check()).toMatchObject({
      exitCode: 4,
      error: {
        code: "ERR_BUILD_FAILED",
        message: expect.stringContaining("type error in a.ts"),
        details: { exitCode: 2 },
      },
    });
  });

  it("past its time limit is ended with everything it had started", async () => {
    const script = "sleep 300 & echo $! > ../../child; wait";
    await using app = await appOf({}, { build: ["sh", "-c", script], buildTimeoutMs: 1000 });
    expect(await app.deployer.check()).toMatchObject({
      error: { code: "ERR_BUILD_FAILED", message: expect.stringContaining("still running after 1 s") },
    });
    const pid = Number(readFileSync(join(app.root, "child"), "utf8"));
    expect(await procProcessTable.identity(pid)).toBeUndefined();
  });

  it("keeps Node's compile cache in a private folder, and sees no secret of the deployer", async () => {
    await using app = await appOf(
      {},
      { build: ["sh", "-c", "env > ../../seen"] },
      { options: { environment: { ...process.env, DEPLOY_TOKEN: "hunter2hunter2" } } },
    );
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    const seen = readFileSync(join(app.root, "seen"), "utf8");
    expect(seen).toContain(`NODE_COMPILE_CACHE=${app.paths.cache}/`);
    expect(seen).not.toContain("hunter2");
  });

  it("runs with the Node that another plugin has chosen", async () => {
    await using folder = temporaryDirectory();
    const chosen = join(folder.path, "node");
    writeFileSync(chosen, "#!/bin/sh\necho chosen\n");
    chmodSync(chosen, 0o755);
    await using app = await appOf(
      {},
      {},
      {
        plugins: [
          { name: "choosing", preflight: async (ctx) => ctx.useNode(chosen, "the daemon runs it") },
          node({ build: ["sh", "-c", "node > ../../said"] }),
        ],
        options: {
          environment: { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) },
        },
      },
    );
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
    expect(readFileSync(join(app.root, "said"), "utf8")).toBe("chosen\n");
  });
});

it.each([
  [{ build: "" }, "build"],
  [{ build: [] }, "build"],
  [{ install: "no" }, "install"],
  [{ buildTimeoutMs: 10 }, "buildTimeoutMs"],
  [{ bulid: "build" }, "bulid"],
])("refuses the options %j", async (options, name) => {
  await expect(appOf({}, options as NodeOptions)).rejects.toMatchObject({
    code: "ERR_CONFIG",
    message: expect.stringContaining(`node.${name}`),
  });
});
