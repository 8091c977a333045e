import { type ActivateContext, type Context, httpProbe, workerSocket } from "@deployer/core";
import type { Expectation } from "./accept.ts";
import { addWorkers, endWorkers, startCall, waitForNew, watchNew } from "./add-workers.ts";
import { type Change, recordOf } from "./change.ts";
import { pm2Error } from "./errors.ts";
import { removeApps } from "./first-start.ts";
import type { ProcessManager } from "./process-manager.ts";
import { letDrain } from "./teach-to-drain.ts";
import type { Stored, Worker } from "./worker.ts";

const INTERVAL_MS = 200;
const MARGIN_MS = 60_000;
const STATE = "changed-over";

/** What PM2 had of an app that was changed over; kept until the run is accepted, for a run that dies in between. */
interface Kept {
  readonly name: string;
  readonly records: readonly Record<string, unknown>[];
}

export interface ChangeOver {
  readonly context: ActivateContext;
  readonly manager: ProcessManager;
  readonly name: string;
  /** The processes in fork mode. */
  readonly workers: readonly Worker[];
  readonly change: Change;
  readonly preload: string;
  readonly drainMs: number;
  readonly instances: number;
  readonly expected: Expectation;
  readonly timeoutMs: number;
}

/**
 * Brings an app from fork to cluster mode. The two cannot share a port: the new worker starts beside the old process,
 * proves itself on its private socket and waits for the port, which it takes when the old process is ended. So there is
 * a gap of some milliseconds instead of a whole start, and none at all when the new one is bad.
 */
export async function changeOver(options: ChangeOver): Promise<Worker[]> {
  const { context, manager, name, workers, change, expected, timeoutMs } = options;
  const records = workers.map(({ stored }) => recordOf(stored, { fields: {}, env: textsOf(stored) }));
  context.undo(
    `bring ${name} back to fork mode`,
    async ({ signal }) => {
      await context.current.restore();
      await changeBackToFork(context, manager, { name, records }, timeoutMs + MARGIN_MS, signal);
    },
    { timeoutMs: 2 * (timeoutMs + MARGIN_MS) },
  );
  context.state.set(STATE, [...keptOf(context), { name, records }]);
  const model = workers[0] as Worker;
  const known = new Set(workers.map(({ id }) => id));
  const cluster = { ...change, fields: { ...change.fields, exec_interpreter: "node" } };
  const begin = { context, manager, name, known, expected, timeoutMs, signal: context.signal };
  const call = startCall(manager.prepare({ ...recordOf(model.stored, cluster), instances: 1 }));
  await watchNew(begin, call, (worker) =>
    worker.status === "online" ? Promise.resolve("good") : healthOf(begin, worker),
  );
  for (const worker of workers) await letDrain(context, worker, options.preload, options.drainMs);
  await endWorkers({ context, manager, timeoutMs: MARGIN_MS }, known);
  const first = await waitForNew(begin, call);
  context.warn(
    `${name} went over from fork to cluster mode; who came in the moment between the two was refused, this once`,
  );
  return [first, ...(await addWorkers({ ...begin, model: first, count: options.instances - 1 }))];
}

async function healthOf(
  { context, expected, signal }: { context: Context; expected: Expectation; signal: AbortSignal },
  worker: Worker,
): Promise<string> {
  if (worker.pid === 0 || expected.health === undefined) return "wait";
  const socketPath = workerSocket(context.paths.sockets, worker.pid);
  const revision = expected.revision === undefined ? {} : { revision: expected.revision };
  const answer = await httpProbe({ ...expected.health, socketPath, ...revision })(signal);
  return answer.healthy ? "good" : "wait";
}

/** For a run that died in the middle of it. Does nothing when none did. */
export async function undoChangeOver(context: Context, manager: ProcessManager, timeoutMs: number): Promise<void> {
  for (const kept of keptOf(context)) await changeBackToFork(context, manager, kept, timeoutMs, context.signal);
}

/** When the run is accepted, nobody will want the old process back. */
export function forgetChangeOver(context: Context): void {
  if (keptOf(context).length > 0) context.state.set(STATE, []);
}

function keptOf(context: Context): readonly Kept[] {
  return context.state.get<readonly Kept[]>(STATE) ?? [];
}

async function changeBackToFork(
  context: Context,
  manager: ProcessManager,
  { name, records }: Kept,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  await removeApps(
    { context, manager, signal, timeoutMs },
    (worker) => worker.name === name && worker.mode === "cluster",
  );
  const left = (await manager.list()).filter((worker) => worker.name === name).length;
  for (const record of records.slice(left)) void startCall(manager.prepare(record));
  const deadline = context.clock.elapsed() + timeoutMs;
  for (;;) {
    const back = (await manager.list()).filter((worker) => worker.name === name && worker.status === "online");
    if (back.length >= records.length) break;
    if (context.clock.elapsed() > deadline) {
      throw pm2Error("ERR_NOT_BROUGHT_BACK", {
        message: `${name} does not run in fork mode again.`,
        hint: "Look at `pm2 list` and `pm2 logs`, and start it as it was started before.",
      });
    }
    await context.clock.sleep(INTERVAL_MS, signal);
  }
  context.state.set(
    STATE,
    keptOf(context).filter((kept) => kept.name !== name),
  );
}

function textsOf(stored: Stored): Record<string, string> {
  return Object.fromEntries(Object.entries(stored.env).map(([key, value]) => [key, String(value)]));
}
