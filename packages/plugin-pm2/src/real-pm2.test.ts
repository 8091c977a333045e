import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Load, type LoadReport, startLoad } from "@deployer/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { activate } from "./activate.ts";
import { changeBack, reloadRequest } from "./change.ts";
import { type Pm2Options, settingsOf } from "./options.ts";
import { recover } from "./recover.ts";
import { Machine, shareDaemon } from "./testing/machine.ts";
import { slowIt } from "./testing/stage.ts";

const RATE = 200;

const settings = (options: Partial<Pm2Options> = {}) =>
  settingsOf({
    ecosystem: "ecosystem.config.cjs",
    health: { path: "/health", json: "revision" },
    soakMs: 500,
    healthTimeoutMs: 10_000,
    drainTimeoutMs: 5_000,
    ...options,
  });

let machine: Machine;
let load: Load | undefined;

shareDaemon();

beforeEach(async () => {
  machine = await Machine.make();
});

afterEach(async () => {
  await load?.stop();
  load = undefined;
  await machine.close();
});

async function deployed(app: Parameters<Machine["release"]>[0] = {}) {
  const release = await machine.release(app);
  await activate(await machine.activateContext(release), settings());
  return release;
}

function visitors(): void {
  load = startLoad({
    url: machine.url,
    ratePerSecond: RATE,
    revisionOf: (_, headers) => headers["x-revision"] as string,
  });
}

async function leave(): Promise<LoadReport> {
  const report = await (load as Load).stop();
  load = undefined;
  console.log(
    expect.getState().currentTestName,
    JSON.stringify({ ...report, byRevision: Object.keys(report.byRevision).length }),
  );
  return report;
}

async function answer(): Promise<{
  revision: string;
  flag: string | null;
  told: string | null;
  args: string[];
  pid: number;
}> {
  const response = await fetch(machine.url, { headers: { connection: "close" } });
  return (await response.json()) as never;
}

/** Every worker's status and the folder it works in. */
async function workers() {
  const list = await machine.manager.list();
  return Promise.all(
    list.map(async ({ status, pid }) => ({ status, cwd: await machine.context().processes.workingDirectory(pid) })),
  );
}

/** Workers that PM2's daemon has and does not list. */
async function unlisted(): Promise<number[]> {
  const listed = (await machine.manager.list()).map(({ pid }) => pid);
  const children = await machine.context().processes.children((await machine.manager.daemonPid()) ?? 0);
  return children.filter((pid) => !listed.includes(pid));
}

const serving = (path: string) => [
  { status: "online", cwd: path },
  { status: "online", cwd: path },
];

describe("the first activation", () => {
  it("starts the app through current, saves the list privately and gives the app nothing of the deployer's", async () => {
    const release = await deployed();
    expect((await answer()).revision).toBe(release.revision.hash);
    expect(await workers()).toEqual(serving(release.path));
    const [worker] = await machine.manager.list();
    expect(worker).toMatchObject({ cwd: join(machine.root, "current"), mode: "cluster" });
    const environment = await machine.context().processes.environment(worker?.pid ?? 0);
    const daemon = await machine.context().processes.environment((await machine.manager.daemonPid()) ?? 0);
    expect({ ...environment, ...daemon }).not.toHaveProperty("DEPLOYER_RUN");
    expect(await machine.context().processes.workingDirectory((await machine.manager.daemonPid()) ?? 0)).toBe("/");
    expect((await stat(join(machine.home, "dump.pm2"))).mode & 0o777).toBe(0o600);
    expect((await stat(machine.home)).mode & 0o777).toBe(0o700);
  });

  it("takes the app out of PM2 again when it ends at its start", async () => {
    const release = await machine.release({ first: 'throw new Error("no database here")' });
    const activation = activate(await machine.activateContext(release), settings());
    await expect(activation).rejects.toMatchObject({
      code: "ERR_ACTIVATION_FAILED",
      message: expect.stringContaining("no database here"),
    });
    await machine.undo();
    expect(await machine.manager.list()).toEqual([]);
    expect(await machine.current()).toBeUndefined();
    await expect(answer()).rejects.toThrow();
    expect(await unlisted()).toEqual([]);
  });

  slowIt(
    "takes the app out again when it never becomes healthy, and leaves no worker that PM2 does not list",
    async () => {
      const release = await machine.release({
        handler: "(_, response) => { response.statusCode = 500; response.end(); }",
      });
      const activation = activate(await machine.activateContext(release), settings({ healthTimeoutMs: 1_500 }));
      await expect(activation).rejects.toMatchObject({ code: "ERR_ACTIVATION_FAILED" });
      await machine.undo();
      expect(await machine.manager.list()).toEqual([]);
      await expect(answer()).rejects.toThrow();
      expect(await unlisted()).toEqual([]);
    },
  );
});

describe("a check from outside", () => {
  it("accepts an app by its port, and reloads it while the old worker serves until the new one listens", async () => {
    const ecosystem = { instances: 1 };
    const options = settings({ health: { tcp: machine.port } });
    const slow = { ecosystem, first: "const until = Date.now() + 1000; while (Date.now() < until);" };
    const first = await machine.release(slow);
    await activate(await machine.activateContext(first), options);
    const second = await machine.release(slow);
    visitors();
    await activate(await machine.activateContext(second, first), options);
    expect((await leave()).failed).toBe(0);
    expect((await answer()).revision).toBe(second.revision.hash);
  });

  it("accepts a worker that serves nobody by a command, and refuses it when the command fails", async () => {
    const worker = {
      listens: false,
      ecosystem: { exec_mode: "fork", instances: undefined },
      last: 'setTimeout(() => require("node:fs").writeFileSync("well", ""), 1500);',
    };
    const options = settings({ health: { command: ["test", "-f", "well"] }, healthTimeoutMs: 4_000 });
    const first = await machine.release(worker);
    await activate(await machine.activateContext(first), options);
    expect(await workers()).toEqual([{ status: "online", cwd: first.path }]);
    const [started] = await machine.manager.list();
    const environment = await machine.context().processes.environment(started?.pid ?? 0);
    expect(environment).toHaveProperty("DEPLOYER_REVISION", first.revision.hash);
    const second = await machine.release({ ...worker, last: "" });
    await expect(activate(await machine.activateContext(second, first), options)).rejects.toMatchObject({
      code: "ERR_ACTIVATION_FAILED",
      message: expect.stringContaining("its check test ended with exit code 1"),
    });
    await machine.undo();
    expect(await workers()).toEqual([{ status: "online", cwd: first.path }]);
  });
});

describe("a reload", () => {
  it("loses no request, three times in a row, and every worker works in the new release", async () => {
    let previous = await deployed();
    visitors();
    for (const _ of [1, 2, 3]) {
      const release = await machine.release();
      await activate(await machine.activateContext(release, previous), settings());
      expect(await workers()).toEqual(serving(release.path));
      previous = release;
    }
    const report = await leave();
    expect(report.failures).toEqual({});
    expect(Object.keys(report.byRevision)).toHaveLength(4);
  });

  slowIt("loses no request of an app with a single worker and slow answers", async () => {
    const app = {
      ecosystem: { instances: 1 },
      handler: `(request, response) => {
        response.setHeader("x-revision", REVISION);
        const say = () => response.end(JSON.stringify({ revision: REVISION }));
        if (Math.random() < 0.1) setTimeout(say, 1000); else say();
      }`,
    };
    const first = await deployed(app);
    visitors();
    const second = await machine.release(app);
    await activate(await machine.activateContext(second, first), settings());
    const report = await leave();
    expect(report.failures).toEqual({});
    expect(report.byRevision[second.revision.hash]).toBeGreaterThan(0);
  });

  it("takes in the release's revision, changed, new and removed variables, arguments and another preload", async () => {
    const first = await deployed({ ecosystem: { env: { FLAG: "one", GONE: "soon" }, args: "--old" } });
    const [before] = await machine.manager.list();
    const second = await machine.release({
      ecosystem: { env: { FLAG: "two", FRESH: "yes" }, args: "--new --more", node_args: "--no-warnings" },
    });
    await activate(await machine.activateContext(second, first), settings({ drainTimeoutMs: 7_000 }));
    expect(await answer()).toMatchObject({ flag: "two", args: ["--new", "--more"] });
    expect(before?.stored.env).toHaveProperty("DEPLOYER_REVISION", first.revision.hash);
    expect(await answer()).toMatchObject({ told: second.revision.hash });
    const [worker] = await machine.manager.list();
    expect(worker?.stored.node_args).toEqual([...((before?.stored.node_args ?? []) as string[]), "--no-warnings"]);
    expect(worker?.stored).toMatchObject({ FRESH: "yes", kill_timeout: 13_000 });
    expect(worker?.stored).not.toHaveProperty("GONE");
    expect(worker?.stored.env).not.toHaveProperty("GONE");
    expect(await environmentOfApp()).toEqual({ FLAG: "two", FRESH: "yes", GONE: undefined });
  });
});

/** As the app itself sees it. */
async function environmentOfApp() {
  const [worker] = await machine.manager.list();
  const { FLAG, FRESH, GONE } = (worker?.stored ?? {}) as Record<string, unknown>;
  return { FLAG, FRESH, GONE };
}

describe("a bad release with the gate off", () => {
  const bad = [
    ["ends at its start", { first: "process.exit(3)" }],
    ["ends in its second worker only", { first: 'if (process.env.NODE_APP_INSTANCE === "1") process.exit(3);' }],
    ["never listens", { listens: false }],
    ["answers 500", { handler: "(_, response) => { response.statusCode = 500; response.end(); }" }],
    ["reports another revision", { handler: '(_, response) => response.end(JSON.stringify({ revision: "0000000" }))' }],
  ] as const;

  const isQuick = (index: number): boolean => index === 3 || process.env.MODE === "full";
  it.each(bad.filter((_, index) => isQuick(index)))("that %s is undone, and no request is lost", async (_, app) => {
    const first = await deployed();
    const dump = await readFile(join(machine.home, "dump.pm2"), "utf8");
    visitors();
    const second = await machine.release({ ...app, ecosystem: { env: { FLAG: "two" } } });
    const activation = activate(await machine.activateContext(second, first), settings({ healthTimeoutMs: 2_000 }));
    await expect(activation).rejects.toMatchObject({ code: "ERR_ACTIVATION_FAILED", exitCode: 4 });
    await machine.undo();
    const report = await leave();
    expect(await workers()).toEqual(serving(first.path));
    for (const _ of [1, 2, 3, 4])
      expect(await answer()).toMatchObject({ revision: first.revision.hash, told: first.revision.hash, flag: "one" });
    expect((await machine.manager.list()).map(({ stored }) => stored.FLAG)).toEqual(["one", "one"]);
    expect(await readFile(join(machine.home, "dump.pm2"), "utf8")).toBe(dump);
    expect(await machine.manager.parked()).toBe(0);
    expect(await unlisted()).toEqual([]);
    expect(report.failures).toEqual({});
  });
});

describe("recovery", () => {
  const launching = async () => (await machine.manager.list()).some(({ status }) => status === "launching");

  it("brings the workers back after a SIGKILL in the middle of a reload, and no request is lost", async () => {
    const first = await deployed();
    visitors();
    const second = await machine.release({ listens: false });
    await machine.point(second);
    const [worker] = await machine.manager.list();
    const request = JSON.stringify(
      reloadRequest(worker!.stored, worker!.id, changeBack(worker!, { fields: {}, env: {} })),
    );
    const rpc = fileURLToPath(new URL("rpc.ts", import.meta.url));
    const script = `import { call } from ${JSON.stringify(rpc)};
      await call(${JSON.stringify(join(machine.home, "rpc.sock"))}, "reloadProcessId", ${request}, 60_000);`;
    const deployer = spawn(process.execPath, ["--input-type=module", "-e", script]);
    await expect.poll(launching).toBe(true);
    deployer.kill("SIGKILL");
    await once(deployer, "exit");
    await machine.point(first);
    await recover(machine.recoverContext({ release: second, previous: first }, "undo"), settings());
    const report = await leave();
    expect(await workers()).toEqual(serving(first.path));
    expect(await unlisted()).toEqual([]);
    expect(report.failures).toEqual({});
  });

  slowIt("brings back workers that had moved already, with their old definition", async () => {
    const first = await deployed();
    visitors();
    const second = await machine.release({ ecosystem: { env: { FLAG: "two" } } });
    await machine.point(second);
    const [worker] = await machine.manager.list();
    const env = { ...changeBack(worker!, { fields: {}, env: {} }).env, FLAG: "two" };
    await machine.manager.reload(worker!, { fields: {}, env });
    expect((await workers()).map(({ cwd }) => cwd)).toEqual([second.path, first.path]);
    await machine.point(first);
    await recover(machine.recoverContext({ release: second, previous: first }, "undo"), settings());
    const report = await leave();
    expect(await workers()).toEqual(serving(first.path));
    expect((await machine.manager.list()).map(({ stored }) => stored.FLAG)).toEqual(["one", "one"]);
    for (const _ of [1, 2, 3, 4]) expect(await answer()).toMatchObject({ told: first.revision.hash });
    expect(report.failures).toEqual({});
  });

  it("finishes an accepted run: what is not in its release moves there", async () => {
    const first = await deployed();
    const second = await machine.release();
    await machine.point(second);
    await recover(machine.recoverContext({ release: second, previous: first }, "finish"), settings());
    expect(await workers()).toEqual(serving(second.path));
    for (const _ of [1, 2, 3, 4]) expect(await answer()).toMatchObject({ told: second.revision.hash });
  });

  it("takes the app out again when its very first activation died", async () => {
    const release = await machine.release({ listens: false });
    const killed = new AbortController();
    const activation = activate(await machine.activateContext(release, undefined, killed.signal), settings());
    const died = expect(activation).rejects.toThrow("killed");
    await expect.poll(launching).toBe(true);
    killed.abort(new Error("killed"));
    await died;
    await machine.point(undefined);
    await recover(machine.recoverContext({ release }, "undo"), settings());
    expect(await machine.manager.list()).toEqual([]);
    expect(await unlisted()).toEqual([]);
  });
});
