import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Context, type Layout, namedHere } from "@deployer/core";
import { reloadRequest } from "./change.ts";
import { ANSWER, askChild, childScript, cleanEnvironment } from "./child.ts";
import { pm2Error } from "./errors.ts";
import type { ProcessManager } from "./process-manager.ts";
import { call, NoDaemon } from "./rpc.ts";
import { type Stored, type Worker, workerOf } from "./worker.ts";

/** Longer than any `listen_timeout`: how long a start or reload lasts is ours to decide, not the connection's. */
const LONG_MS = 3_600_000;
const CHILD_MS = 60_000;

/** A PM2 home, and the package that is asked to start things in it. */
export interface Pm2Installation {
  readonly home: string;
  /** Folder of the pm2 package. */
  readonly package: string;
}

export function rpcSocket(home: string): string {
  return join(home, "rpc.sock");
}

/** The real PM2: read and reloaded over its daemon's socket, started and saved by its own API in a child. */
export function pm2ProcessManager(context: Context, installation: Pm2Installation): ProcessManager {
  const { home } = installation;
  const socket = rpcSocket(home);

  const ask = async (method: string, argument: unknown, timeoutMs?: number): Promise<unknown> => {
    try {
      return await call(socket, method, argument, timeoutMs);
    } catch (error) {
      if (error instanceof NoDaemon) throw error;
      throw pm2Error("ERR_PM2_CALL", {
        message: `PM2: ${context.redact(error instanceof Error ? error.message : String(error))}`,
        hint: "Look at `pm2 list` and at pm2.log in its home.",
        details: { method },
        cause: error,
      });
    }
  };
  const entries = async (): Promise<{ pid?: number; name: string; pm_id: number; pm2_env: Stored }[]> => {
    try {
      return (await ask("getMonitorData", {})) as never;
    } catch (error) {
      if (error instanceof NoDaemon) return [];
      throw error;
    }
  };

  return {
    list: async () => (await entries()).map((entry) => withNamesOf(context.paths, workerOf(entry))),
    start: (app) => callPm2(context, installation, { act: "start", app }, LONG_MS),
    save: () => callPm2(context, installation, { act: "save" }, CHILD_MS),
    // The id must be a number: PM2 compares it with ===, and as a string it never hears that the worker is ready.
    reload: async (worker, change) => {
      await ask("reloadProcessId", reloadRequest(worker.stored, worker.id, change), LONG_MS);
    },
    restart: async (worker, change) => {
      await ask("restartProcessId", reloadRequest(worker.stored, worker.id, change), LONG_MS);
    },
    duplicate: async (id) => {
      await ask("duplicateProcessId", id, LONG_MS);
    },
    prepare: async (record) => {
      await ask("prepare", record, LONG_MS);
    },
    delete: async (id) => {
      await ask("deleteProcessId", id, CHILD_MS);
    },
    parked: async () => {
      const [report, listed] = await Promise.all([ask("getReport", {}), entries()]);
      return Number((report as { managed_apps?: number }).managed_apps ?? 0) - listed.length;
    },
    isRunning: () =>
      ask("getReport", {}).then(
        () => true,
        (error: unknown) => {
          if (error instanceof NoDaemon) return false;
          throw error;
        },
      ),
    daemonPid: async () => {
      const text = await readFile(join(home, "pm2.pid"), "utf8").catch(() => "");
      return Number.parseInt(text, 10) || undefined;
    },
  };
}

/** PM2 may have been told of the same root by another name. */
function withNamesOf(paths: Layout, worker: Worker): Worker {
  return { ...worker, cwd: namedHere(paths, worker.cwd), script: namedHere(paths, worker.script) };
}

/** Starts the daemon: from /, so that it holds no release, and with a clean environment, which every worker inherits. */
export async function startDaemon(context: Context, installation: Pm2Installation): Promise<void> {
  await context.fs.makeDirectory(installation.home, 0o700);
  await callPm2(context, installation, { act: "daemon" }, CHILD_MS);
}

async function callPm2(
  context: Context,
  installation: Pm2Installation,
  request: object,
  timeoutMs: number,
): Promise<void> {
  const { result, answer } = await askChild(context, {
    // It becomes the daemon's Node, and so that of all cluster workers.
    file: context.node.path,
    args: [childScript("client")],
    cwd: "/",
    env: { ...cleanEnvironment(context), PM2_HOME: installation.home, PM2_DISCRETE_MODE: "true", NO_COLOR: "1" },
    input: JSON.stringify({ ...request, pm2: installation.package, answer: ANSWER, lifetimeMs: 2 * timeoutMs }),
    timeoutMs,
  });
  const said = answer as { error: string | null } | undefined;
  if (said?.error === null) return;
  throw pm2Error("ERR_PM2_CALL", {
    message: `PM2: ${context.redact(said?.error ?? (result.tail.join("\n") || `its client ended with ${result.exitCode}`))}`,
    hint: "Look at `pm2 list` and at pm2.log in its home.",
    details: { tail: result.tail.map(context.redact) },
  });
}
