import { readFile } from "node:fs/promises";
import type { Context } from "@deployer/core";
import { CLOSE, connectInspector, evaluate, INSPECTOR_PORT, type Inspector, isInspectorOpen } from "./inspector.ts";
import { closeOpened, noteOpening } from "./opened-inspector.ts";
import type { Worker } from "./worker.ts";

const SIGUSR1_CAUGHT = 1n << 9n;
const TAKEN = `port ${INSPECTOR_PORT}, which Node's inspector needs, is taken`;
/** Another deployer may be at the same, and is done in no time. */
const PATIENCE_MS = 3_000;
const INTERVAL_MS = 20;

/** In the worker: loads the preload, and gives it the servers that listen already. */
const TEACH = `function (preload, drainMs) {
  process.env.DEPLOYER_DRAIN_MS = drainMs;
  process.mainModule.require(preload);
  process[Symbol.for("deployer.adopt")](this.filter((server) => server.listening));
}`;

// PM2 kills what has not ended so long after SIGINT, unless its definition says otherwise.
const KILL_TIMEOUT_MS = 1_600;
const KILL_MARGIN_MS = 100;

/** An app that was not started by us has no preload, and would cut off what is open on it as it ends. */
export async function letDrain(context: Context, worker: Worker, preload: string, drainMs: number): Promise<void> {
  await closeOpened(context);
  const hasPreload = String(worker.stored.node_args ?? "").includes(context.paths.preload);
  if (drainMs === 0 || worker.pid === 0 || hasPreload) return;
  // A reload raises the limit of the worker that it replaces; in fork mode it stays.
  const limit = Number(worker.stored.kill_timeout ?? KILL_TIMEOUT_MS) - KILL_MARGIN_MS;
  const ms = worker.mode === "cluster" ? drainMs : Math.min(drainMs, limit);
  const obstacle = await teachToDrain(context, worker, preload, ms);
  if (obstacle !== undefined)
    context.warn(`${worker.name} (pid ${worker.pid}) may cut off requests as it ends, this once: ${obstacle}`);
}

/**
 * Lets a worker drain that PM2 has started without the preload, so that taking it over cuts off no request. The only way
 * into a process that runs is Node's inspector: it is opened on 127.0.0.1 for some 150 ms, and closed again.
 * Answers why that could not be done, or `undefined`. The worker is then as it was.
 */
export async function teachToDrain(
  context: Pick<Context, "clock" | "signal" | "processes" | "state" | "warn">,
  worker: Pick<Worker, "pid">,
  preload: string,
  drainMs: number,
): Promise<string | undefined> {
  const { clock, signal } = context;
  const deadline = clock.elapsed() + PATIENCE_MS;
  for (;;) {
    try {
      const obstacle = await tryToTeach(context, worker.pid, preload, drainMs);
      if (obstacle !== TAKEN || clock.elapsed() > deadline) return obstacle;
    } catch (error) {
      signal.throwIfAborted();
      return error instanceof Error ? error.message : String(error);
    }
    await clock.sleep(INTERVAL_MS, signal);
  }
}

async function tryToTeach(
  context: Parameters<typeof teachToDrain>[0],
  pid: number,
  preload: string,
  drainMs: number,
): Promise<string | undefined> {
  if (!(await catchesSigusr1(pid))) return "it is no Node process that answers SIGUSR1";
  if (await isInspectorOpen()) return TAKEN;
  // Noted before it is opened: a run that is killed now leaves it open, and recovery closes it.
  await noteOpening(context, pid);
  try {
    return await teachThrough(context, pid, preload, drainMs);
  } finally {
    await closeOpened(context);
  }
}

async function teachThrough(
  { clock, signal }: Pick<Context, "clock" | "signal">,
  pid: number,
  preload: string,
  drainMs: number,
): Promise<string | undefined> {
  const becomes = async (open: boolean): Promise<boolean> => {
    const deadline = clock.elapsed() + PATIENCE_MS;
    while ((await isInspectorOpen()) !== open) {
      if (clock.elapsed() > deadline) return false;
      await clock.sleep(INTERVAL_MS, signal);
    }
    return true;
  };
  process.kill(pid, "SIGUSR1");
  if (!(await becomes(true))) return "its inspector did not open";
  const inspector = await connectInspector();
  const obstacle = await teach(inspector, pid, preload, drainMs).finally(inspector.close);
  if (obstacle === TAKEN) return TAKEN;
  // It stands still while the inspector closes; ended just then, it would lose whom it has not let in yet.
  const isClosed = await becomes(false);
  return obstacle ?? (isClosed ? undefined : `its inspector still listens on port ${INSPECTOR_PORT}`);
}

async function teach(inspector: Inspector, pid: number, preload: string, drainMs: number): Promise<string | undefined> {
  if ((await evaluate(inspector, "process.pid"))?.value !== pid) return TAKEN;
  try {
    const prototype = await evaluate(inspector, `process.mainModule.require("net").Server.prototype`);
    const { objects } = await inspector.ask("Runtime.queryObjects", { prototypeObjectId: prototype?.objectId });
    const { exceptionDetails } = await inspector.ask("Runtime.callFunctionOn", {
      objectId: objects?.objectId,
      functionDeclaration: TEACH,
      arguments: [{ value: preload }, { value: String(drainMs) }],
    });
    return exceptionDetails === undefined ? undefined : (exceptionDetails.exception?.description ?? "it threw");
  } finally {
    await evaluate(inspector, CLOSE);
  }
}

// The signal would end a process that does not catch it.
async function catchesSigusr1(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return (BigInt(`0x${caught}`) & SIGUSR1_CAUGHT) !== 0n;
}
