import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { PreflightContext } from "@deployer/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { preflight } from "./preflight.ts";
import { call } from "./rpc.ts";
import { Stage, quickSettings as settings, slowIt } from "./testing/stage.ts";

const require = createRequire(import.meta.url);
const PM2 = dirname(require.resolve("pm2/package.json"));

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.make();
});

afterEach(() => stage.close());

/** As a person calls it. */
async function pm2(
  args: readonly string[],
  options: { home?: string; cwd?: string; program?: string; env?: object } = {},
) {
  const { home = stage.machine.home, cwd = "/", program = PM2 } = options;
  const env = { PATH: process.env.PATH, HOME: cwd, PM2_HOME: home, NO_COLOR: "1", ...options.env };
  const file = join(program, "bin/pm2");
  return promisify(execFile)(process.execPath, [file, ...args], { cwd, env, timeout: 60_000 }).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, output: stdout + stderr }),
  );
}

async function lookAround() {
  const problems: string[] = [];
  const base = stage.machine.context();
  const context: PreflightContext = {
    ...base,
    problem: (message) => void problems.push(message),
    useNode: () => {},
  };
  await preflight(context, settings());
  return { problems, warnings: base.warnings };
}

describe("PM2's daemon", () => {
  it("started inside a release is told, and its release is in use for as long as it lives", async () => {
    const { machine } = stage;
    const first = await machine.release();
    await pm2(["ping"], { cwd: first.path });
    expect(await lookAround()).toEqual({
      problems: [],
      warnings: [expect.stringContaining(`started inside a release (${first.path})`)],
    });
    await machine.deploy(first, undefined, settings());
    expect(await stage.answer()).toMatchObject({ revision: first.revision.hash });
  });

  it("of a PM2 inside a release is refused", async () => {
    const first = await stage.machine.release();
    const program = join(first.path, "node_modules/pm2");
    await cp(PM2, program, { recursive: true });
    const modules = dirname(PM2);
    for (const name of await readdir(modules)) {
      if (name !== "pm2" && !name.startsWith("."))
        await symlink(join(modules, name), join(first.path, "node_modules", name));
    }
    await pm2(["ping"], { program });
    const { problems } = await lookAround();
    expect(problems).toContainEqual(expect.stringMatching(/^PM2's daemon lies inside a release/));
  });

  it("that died is started again with the apps; other apps of its saved list are not forgotten", async () => {
    const { machine } = stage;
    const first = await machine.release();
    await machine.deploy(first, undefined, settings());
    const dump = join(machine.home, "dump.pm2");
    const saved = JSON.parse(await readFile(dump, "utf8")) as object[];
    await writeFile(dump, JSON.stringify([...saved, { ...saved[0], name: "blog" }]));
    process.kill((await machine.manager.daemonPid()) as number, "SIGKILL");
    await expect.poll(() => machine.manager.list()).toEqual([]);
    const second = await machine.release();
    const context = await machine.deploy(second, first, settings());
    expect(await stage.answer()).toMatchObject({ revision: second.revision.hash });
    expect(context.warnings).toEqual([expect.stringContaining("its saved list has blog")]);
    expect(await readFile(dump, "utf8")).toContain('"blog"');
  });

  it("of another home with apps of this root is found before anything begins", async () => {
    const { machine } = stage;
    const first = await machine.release({ ecosystem: { instances: 1 } });
    await machine.point(first);
    const home = join(dirname(machine.home), "b");
    try {
      await pm2(["start", "ecosystem.config.cjs"], { home, cwd: join(machine.root, "current") });
      await expect
        .poll(async () => (await lookAround()).problems)
        .toEqual([expect.stringContaining(`runs under the PM2 of ${home}`)]);
    } finally {
      await call(join(home, "rpc.sock"), "killMe", {}, 10_000).catch(() => {});
    }
  });

  // Installs another PM2, so only `npm run test:full` has it.
  slowIt("of another version is told, and reloads without a failed request", async () => {
    const { machine } = stage;
    const folder = join(machine.root, "older");
    await mkdir(folder);
    await promisify(execFile)("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "pm2@6.0.14"]);
    const program = join(folder, "node_modules/pm2");
    await pm2(["ping"], { program });
    const first = await machine.release();
    const options = settings({ path: PM2 });
    await machine.deploy(first, undefined, options);
    const base = machine.context();
    await preflight({ ...base, problem: expect.unreachable, useNode: () => {} }, options);
    expect(base.warnings).toEqual([expect.stringContaining("PM2's daemon is of version 6.0.14")]);
    stage.visitors();
    const second = await machine.release();
    await machine.deploy(second, first, options);
    expect(await stage.answer()).toMatchObject({ revision: second.revision.hash });
    expect((await stage.leave()).failures).toEqual({});
  });
});

describe("somebody else at work in PM2", () => {
  slowIt("is waited for: a reload that is under way ends first, and no request is lost", async () => {
    const { machine } = stage;
    const slow = { first: "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);" };
    const first = await machine.release(slow);
    await machine.deploy(first, undefined, settings());
    stage.visitors();
    const byHand = pm2(["reload", "shop"]);
    await expect
      .poll(async () => (await machine.manager.list()).some(({ status }) => status === "launching"), {
        timeout: 10_000,
      })
      .toBe(true);
    const second = await machine.release();
    const context = await machine.deploy(second, first, settings());
    expect(await byHand).toMatchObject({ code: 0 });
    expect(context.infos).toContainEqual(expect.stringContaining("waiting for its lock"));
    expect((await stage.workers()).map(({ cwd }) => cwd)).toEqual([second.path, second.path]);
    expect((await stage.leave()).failures).toEqual({});
  });

  it("is told to wait while a deployment is at work", async () => {
    const { machine } = stage;
    const first = await machine.release();
    await machine.deploy(first, undefined, settings());
    const second = await machine.release();
    const deployment = machine.deploy(second, first, settings({ soakMs: 3_000 }));
    const lock = () => readFile(join(machine.home, "reload.lock"), "utf8").catch(() => "");
    await expect.poll(lock).not.toBe("");
    expect(await pm2(["reload", "shop"])).toMatchObject({
      code: 1,
      output: expect.stringContaining("Reload already in progress"),
    });
    await deployment;
    expect(await lock()).toBe("");
  });
});

describe("what must not be left, or get out", () => {
  it("a worker that PM2 has lost sight of is ended, one of another project is not", async () => {
    const { machine } = stage;
    const first = await machine.release({ ecosystem: { instances: 1 } });
    await machine.deploy(first, undefined, settings());
    const [shop] = await machine.manager.list();
    const never = {
      ...shop!.stored,
      pm_id: undefined,
      instances: undefined,
      name: "lost",
      pm_exec_path: join(first.path, "never.js"),
    };
    await writeFile(join(first.path, "never.js"), "setInterval(() => {}, 1000);");
    for (const folder of [first.path, "/"])
      void machine.manager.prepare({ ...never, pm_cwd: folder, cwd: folder }).catch(() => {});
    const lost = async () => (await machine.manager.list()).filter(({ name }) => name === "lost");
    await expect.poll(async () => (await lost()).length).toBe(2);
    // Deleted while they launch, both live on unseen.
    for (const { id } of await lost()) await machine.manager.delete(id);
    await expect.poll(() => stage.unlisted()).toHaveLength(2);
    const second = await machine.release({ ecosystem: { instances: 1 } });
    await machine.deploy(second, first, settings());
    const left = await stage.unlisted();
    expect(await Promise.all(left.map((pid) => machine.context().processes.workingDirectory(pid)))).toEqual(["/"]);
    for (const pid of left) process.kill(pid, "SIGKILL");
  });

  it("a preload that neither a worker nor the dump names goes, one that is named stays", async () => {
    const { machine } = stage;
    const first = await machine.release({ ecosystem: { instances: 1 } });
    const { preload } = machine.context().paths;
    await mkdir(preload, { recursive: true });
    for (const name of ["old.cjs", "dumped.cjs"]) await writeFile(join(preload, name), "");
    await mkdir(machine.home, { recursive: true });
    await writeFile(
      join(machine.home, "dump.pm2"),
      JSON.stringify([{ name: "x", node_args: [join(preload, "dumped.cjs")] }]),
    );
    await machine.deploy(first, undefined, settings());
    const [worker] = await machine.manager.list();
    const used = (worker!.stored.node_args as [string, string])[1].split("/").at(-1);
    expect((await readdir(preload)).sort()).toEqual([used, "dumped.cjs"].sort());
  });

  it("nothing of the deployer's environment is in the app's, nor in PM2's dump", async () => {
    const { machine } = stage;
    process.env.DEPLOYER_TEST_SECRET = "hunter2hunter2";
    try {
      const first = await machine.release();
      await machine.deploy(first, undefined, settings());
      await machine.deploy(await machine.release(), first, settings());
    } finally {
      delete process.env.DEPLOYER_TEST_SECRET;
    }
    const seen = [await readFile(join(machine.home, "dump.pm2"), "utf8")];
    for (const { pid, stored } of await machine.manager.list()) {
      seen.push(JSON.stringify([stored, await machine.context().processes.environment(pid)]));
    }
    expect(seen).toHaveLength(3);
    for (const text of seen) {
      expect(text).not.toContain("hunter2");
      expect(text).not.toContain("DEPLOYER_RUN");
    }
  });
});
