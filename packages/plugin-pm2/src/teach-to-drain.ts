import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import type { Context } from "@deployer/core";
import type { Worker } from "./worker.ts";

// Where Node's inspector listens when SIGUSR1 opens it: https://nodejs.org/en/learn/getting-started/debugging
const PORT = 9229;
const SIGUSR1_CAUGHT = 1n << 9n;
const TAKEN = `port ${PORT}, which Node's inspector needs, is taken`;
/** Another deployer may be at the same, and is done in no time. */
const PATIENCE_MS = 3_000;
const ANSWER_MS = 10_000;
const INTERVAL_MS = 20;

/** In the worker: loads the preload, and gives it the servers that listen already. */
const TEACH = `function (preload, drainMs) {
  process.env.DEPLOYER_DRAIN_MS = drainMs;
  process.mainModule.require(preload);
  process[Symbol.for("deployer.adopt")](this.filter((server) => server.listening));
}`;

/** When we have gone: it waits for those who are connected. */
const CLOSE = 'setTimeout(() => process.mainModule.require("inspector").close(), 50)';

// PM2 kills what has not ended so long after SIGINT, unless its definition says otherwise.
const KILL_TIMEOUT_MS = 1_600;
const KILL_MARGIN_MS = 100;

/** An app that was not started by us has no preload, and would cut off what is open on it as it ends. */
export async function letDrain(context: Context, worker: Worker, preload: string, drainMs: number): Promise<void> {
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
  context: Pick<Context, "clock" | "signal">,
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
  { clock, signal }: Pick<Context, "clock" | "signal">,
  pid: number,
  preload: string,
  drainMs: number,
): Promise<string | undefined> {
  const becomes = async (open: boolean): Promise<boolean> => {
    const deadline = clock.elapsed() + PATIENCE_MS;
    while ((await isOpen()) !== open) {
      if (clock.elapsed() > deadline) return false;
      await clock.sleep(INTERVAL_MS, signal);
    }
    return true;
  };
  if (!(await catchesSigusr1(pid))) return "it is no Node process that answers SIGUSR1";
  if (await isOpen()) return TAKEN;
  process.kill(pid, "SIGUSR1");
  if (!(await becomes(true))) return "its inspector did not open";
  const listed = await fetch(`http://127.0.0.1:${PORT}/json/list`, { signal: AbortSignal.timeout(ANSWER_MS) });
  const [target] = (await listed.json()) as { webSocketDebuggerUrl: string }[];
  const inspector = await openInspector(String(target?.webSocketDebuggerUrl));
  const obstacle = await teach(inspector, pid, preload, drainMs).finally(inspector.close);
  if (obstacle === TAKEN) return TAKEN;
  // It stands still while the inspector closes; ended just then, it would lose whom it has not let in yet.
  const isClosed = await becomes(false);
  return obstacle ?? (isClosed ? undefined : `its inspector still listens on port ${PORT}`);
}

async function teach(inspector: Inspector, pid: number, preload: string, drainMs: number): Promise<string | undefined> {
  const evaluate = async (expression: string): Promise<Remote | undefined> =>
    (await inspector.ask("Runtime.evaluate", { expression })).result;
  if ((await evaluate("process.pid"))?.value !== pid) return TAKEN;
  try {
    const prototype = await evaluate(`process.mainModule.require("net").Server.prototype`);
    const { objects } = await inspector.ask("Runtime.queryObjects", { prototypeObjectId: prototype?.objectId });
    const { exceptionDetails } = await inspector.ask("Runtime.callFunctionOn", {
      objectId: objects?.objectId,
      functionDeclaration: TEACH,
      arguments: [{ value: preload }, { value: String(drainMs) }],
    });
    return exceptionDetails === undefined ? undefined : (exceptionDetails.exception?.description ?? "it threw");
  } finally {
    await evaluate(CLOSE);
  }
}

// The signal would end a process that does not catch it.
async function catchesSigusr1(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return (BigInt(`0x${caught}`) & SIGUSR1_CAUGHT) !== 0n;
}

function isOpen(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: PORT });
    socket.on("connect", () => socket.end(() => resolve(true)));
    socket.on("error", () => resolve(false));
  });
}

interface Remote {
  readonly value?: unknown;
  readonly objectId?: string;
  readonly description?: string;
}

interface Answer {
  readonly result?: Remote;
  readonly objects?: Remote;
  readonly exceptionDetails?: { readonly exception?: Remote };
}

/** https://chromedevtools.github.io/devtools-protocol/v8/Runtime/ */
interface Inspector {
  readonly ask: (method: string, params: object) => Promise<Answer>;
  readonly close: () => void;
}

async function openInspector(url: string): Promise<Inspector> {
  const socket = new WebSocket(url);
  const next = (type: "open" | "message"): Promise<Event> =>
    new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error("its inspector does not answer")), ANSWER_MS);
      const end = (settle: () => void) => (): void => {
        clearTimeout(limit);
        settle();
      };
      socket.addEventListener(type, (event) => end(() => resolve(event))(), { once: true });
      socket.addEventListener(
        "close",
        end(() => reject(new Error("its inspector closed"))),
        { once: true },
      );
    });
  await next("open");
  const ask = async (method: string, params: object): Promise<Answer> => {
    const answered = next("message");
    socket.send(JSON.stringify({ id: 1, method, params }));
    const { result, error } = JSON.parse(String(((await answered) as MessageEvent).data)) as {
      result: Answer;
      error?: { message: string };
    };
    if (error !== undefined) throw new Error(error.message);
    return result;
  };
  return { ask, close: () => socket.close() };
}
