import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import type { Context } from "@deployer/core";
import type { Worker } from "./worker.ts";

// Where Node's inspector listens when SIGUSR1 opens it: https://nodejs.org/en/learn/getting-started/debugging
const PORT = 9229;
const SIGUSR1_CAUGHT = 1n << 9n;
const OPENED_MS = 3_000;
const ANSWER_MS = 10_000;
const INTERVAL_MS = 20;

/** In the worker: loads the preload, gives it the servers that listen already, and closes the inspector behind us. */
const TEACH = `function (preload, drainMs) {
  const { require } = process.mainModule;
  process.env.DEPLOYER_DRAIN_MS = drainMs;
  require(preload);
  process[Symbol.for("deployer.adopt")](this.filter((server) => server.listening));
  setTimeout(() => require("inspector").close(), 50);
}`;

/**
 * Lets a worker drain that PM2 has started without the preload, so that taking it over cuts off no request. The only way
 * into a process that runs is Node's inspector: it is opened on 127.0.0.1 for some 100 ms, and closed again.
 * Answers why that could not be done, or `undefined`. The worker is then as it was.
 */
export async function teachToDrain(
  { clock, signal }: Pick<Context, "clock" | "signal">,
  worker: Pick<Worker, "pid">,
  preload: string,
  drainMs: number,
): Promise<string | undefined> {
  if (!(await catchesSigusr1(worker.pid))) return "it is no Node process that answers SIGUSR1";
  if (await isOpen()) return `port ${PORT}, which Node's inspector needs, is taken`;
  try {
    process.kill(worker.pid, "SIGUSR1");
    const deadline = clock.elapsed() + OPENED_MS;
    while (!(await isOpen())) {
      if (clock.elapsed() > deadline) return "its inspector did not open";
      await clock.sleep(INTERVAL_MS, signal);
    }
    const listed = await fetch(`http://127.0.0.1:${PORT}/json/list`, { signal: AbortSignal.timeout(ANSWER_MS) });
    const [target] = (await listed.json()) as { webSocketDebuggerUrl: string }[];
    const inspector = await openInspector(String(target?.webSocketDebuggerUrl));
    try {
      const { result: pid } = await inspector("Runtime.evaluate", { expression: "process.pid" });
      if (pid?.value !== worker.pid) return "another process opened its inspector meanwhile";
      const { result: prototype } = await inspector("Runtime.evaluate", {
        expression: `process.mainModule.require("net").Server.prototype`,
      });
      const { objects } = await inspector("Runtime.queryObjects", { prototypeObjectId: prototype?.objectId });
      const taught = await inspector("Runtime.callFunctionOn", {
        objectId: objects?.objectId,
        functionDeclaration: TEACH,
        arguments: [{ value: preload }, { value: String(drainMs) }],
      });
      return taught.exceptionDetails?.exception?.description;
    } finally {
      inspector.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof Error ? error.message : String(error);
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
  (method: string, params: object): Promise<Answer>;
  close(): void;
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
  return Object.assign(ask, { close: () => socket.close() });
}
