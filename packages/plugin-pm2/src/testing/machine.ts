import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, readlink, realpath, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import {
  type ActivateContext,
  type GateContext,
  procProcessTable,
  type RecoverContext,
  type ReleaseInfo,
  type RequestFigures,
  systemClock,
} from "@deployer/core";
import { type TestContext, testContext } from "@deployer/core/testing";
import { afterAll, beforeAll } from "vitest";
import { activate } from "../activate.ts";
import type { Settings } from "../options.ts";
import { type Pm2Installation, pm2ProcessManager, startDaemon } from "../pm2-process-manager.ts";
import type { ProcessManager } from "../process-manager.ts";
import { call } from "../rpc.ts";
import { tidy } from "../tidy.ts";
import { type AppBehaviour, writeApp } from "./app.ts";

/** A root and a PM2 home of their own, with the real ports. */
export class Machine {
  readonly root: string;
  readonly port: number;
  /** What activations said of requests. */
  readonly measured: RequestFigures[] = [];
  readonly #folder: string;
  /** Holds the PM2 home: this machine's own folder, or that of the file. */
  readonly #pm2: string;
  #undos: TestContext["undos"] = [];
  readonly #state: TestContext["state"];
  #sequence = 0;
  #runs = 0;

  private constructor(folder: string, pm2: string, port: number) {
    this.#folder = folder;
    this.#pm2 = pm2;
    this.root = join(folder, "r");
    this.port = port;
    this.#state = testContext(this.root).state;
  }

  static async make(): Promise<Machine> {
    // Short: PM2's sockets and the workers' lie below it.
    const folder = await realpath(await mkdtemp("/tmp/dp-"));
    const machine = new Machine(folder, shared ?? folder, await freePort());
    process.env.PM2_HOME = machine.home;
    await mkdir(join(machine.root, "releases"), { recursive: true });
    return machine;
  }

  /** Id of the last activation's run. */
  get run(): string {
    return `run-${this.#runs}`;
  }

  get home(): string {
    return join(this.#pm2, "pm2");
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  get manager(): ProcessManager {
    return pm2ProcessManager(this.context(), this.#installation);
  }

  get #installation(): Pm2Installation {
    return { home: this.home, package: dirname(createRequire(import.meta.url).resolve("pm2/package.json")) };
  }

  async startDaemon(): Promise<void> {
    await startDaemon(this.context(), this.#installation);
  }

  context(signal: AbortSignal = new AbortController().signal): TestContext {
    const env = { PATH: process.env.PATH ?? "", HOME: this.#folder, LANG: "C.UTF-8", DEPLOYER_RUN: "run-1" };
    return { ...testContext(this.root, { copies: false }, { signal, env }), state: this.#state };
  }

  /** A release on disk, with an app of its own. */
  async release(app: Partial<AppBehaviour> = {}): Promise<ReleaseInfo> {
    this.#sequence += 1;
    const hash = randomBytes(20).toString("hex");
    const id = `20261120T18450${this.#sequence}Z-${hash.slice(0, 7)}`;
    const path = join(this.context().paths.releases, id);
    await writeApp(path, hash, { port: this.port, ...app });
    return { id, revision: { hash, ref: "main", remote: "origin" }, path, appPath: path, sequence: this.#sequence };
  }

  async point(release: ReleaseInfo | undefined): Promise<void> {
    const link = join(this.root, "current");
    if (release === undefined) return rm(link, { force: true });
    const temporary = `${link}.${randomBytes(4).toString("hex")}`;
    await symlink(`releases/${release.id}`, temporary);
    await rename(temporary, link);
  }

  async current(): Promise<string | undefined> {
    return readlink(join(this.root, "current")).catch(() => undefined);
  }

  gateContext(release: ReleaseInfo, signal?: AbortSignal): GateContext {
    return {
      ...this.context(signal),
      release,
      previous: undefined,
      trials: [
        {
          label: "new release",
          release,
          directory: release.appPath,
          environment: { DEPLOYER_REVISION: release.revision.hash },
        },
      ],
      onCopies: false,
      copies: [],
    };
  }

  /** Switches `current` as core does, and hands out the context of what comes after. */
  async activateContext(release: ReleaseInfo, previous?: ReleaseInfo, signal?: AbortSignal): Promise<ActivateContext> {
    await this.point(release);
    const context = { ...this.context(signal), run: { id: `run-${++this.#runs}`, kind: "deploy" as const } };
    this.#undos = context.undos;
    return {
      ...context,
      release,
      previous,
      current: { path: join(this.root, "current"), restore: () => this.point(previous) },
      measured: (figures) => void this.measured.push(figures),
    };
  }

  recoverContext(interrupted: Partial<RecoverContext["interrupted"]>, direction: "undo" | "finish"): RecoverContext {
    return {
      ...this.context(),
      interrupted: {
        id: "run-0",
        kind: "deploy",
        stage: "activate",
        release: undefined,
        previous: undefined,
        accepted: direction === "finish",
        ...interrupted,
      },
      direction,
    };
  }

  /** A whole deployment as core makes it, from the switch to cleaning up. */
  async deploy(release: ReleaseInfo, previous: ReleaseInfo | undefined, settings: Settings): Promise<TestContext> {
    const context = await this.activateContext(release, previous);
    await activate(context, settings);
    await tidy({ ...context, removed: [] }, settings);
    return context as unknown as TestContext;
  }

  /** What core does when an activation fails. */
  async undo(): Promise<void> {
    for (const { action } of this.#undos.toReversed()) await action({ signal: AbortSignal.timeout(60_000) });
  }

  /** Ends the workers, and the daemon unless the file shares it, whatever state they are in; looks that nothing is left. */
  async close(): Promise<void> {
    if (this.#pm2 === this.#folder || !(await this.#emptyDaemon())) await this.endDaemon();
    const deadline = Date.now() + 5_000;
    for (let left = await this.strays(); left.length > 0; left = await this.strays()) {
      if (Date.now() > deadline) throw new Error(`These processes outlived the test: ${left.join(", ")}`);
      for (const pid of left) procProcessTable.signal(pid, "SIGKILL");
      await systemClock.sleep(50);
    }
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    delete process.env.PM2_HOME;
  }

  async endDaemon(): Promise<void> {
    const daemon = await this.manager.daemonPid();
    if (daemon === undefined) return;
    const children = await procProcessTable.children(daemon);
    await call(join(this.home, "rpc.sock"), "killMe", {}, 5_000).catch(() => {});
    for (const pid of [daemon, ...children]) procProcessTable.signal(pid, "SIGKILL");
    await rm(this.home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  /** Takes everything out of the daemon that the file shares; `false` when it does not come clean in time. */
  async #emptyDaemon(): Promise<boolean> {
    const daemon = await this.manager.daemonPid();
    if (daemon === undefined || (await procProcessTable.identity(daemon)) === undefined) return false;
    const deadline = Date.now() + 5_000;
    for (;;) {
      const listed = await this.manager.list();
      const deleted = listed.map(({ id }) => this.manager.delete(id).catch(() => {}));
      const children = await procProcessTable.children(daemon);
      for (const pid of children) procProcessTable.signal(pid, "SIGKILL");
      await Promise.all(deleted);
      if (listed.length + children.length + (await this.manager.parked()) === 0) break;
      if (Date.now() > deadline) return false;
    }
    for (const name of await readdir(this.home)) {
      if (!KEPT.has(name)) await rm(join(this.home, name), { recursive: true, force: true });
    }
    return true;
  }

  /** Pids at work below this machine's folder, found by working directory and command line. */
  async strays(): Promise<number[]> {
    const found: number[] = [];
    const daemon = await this.manager.daemonPid();
    for (const name of (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry))) {
      const pid = Number(name);
      if (pid === process.pid || (await procProcessTable.identity(pid)) === undefined) continue;
      if (this.#pm2 !== this.#folder && pid === daemon) continue;
      const cwd = await readlink(`/proc/${name}/cwd`).catch(() => "");
      const environment = await readFile(`/proc/${name}/environ`, "utf8").catch(() => "");
      if (cwd.startsWith(this.#folder) || environment.includes(`PM2_HOME=${this.home}\0`)) found.push(pid);
    }
    return found;
  }
}

/** What a daemon at work has in its home. */
const KEPT = new Set(["rpc.sock", "pub.sock", "pm2.pid", "pm2.log"]);

let shared: string | undefined;

/** Gives the machines of a test file one daemon, which each of them finds empty. For files whose tests do not end it. */
export function shareDaemon(): void {
  beforeAll(async () => {
    shared = await realpath(await mkdtemp("/tmp/dp-"));
  });
  afterAll(async () => {
    const folder = shared as string;
    const last = await Machine.make();
    shared = undefined;
    await last.endDaemon();
    await last.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
