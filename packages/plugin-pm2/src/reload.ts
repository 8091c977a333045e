import type { Context, DeployError } from "@deployer/core";
import { type Expectation, lookAtWorker } from "./accept.ts";
import { lastLines } from "./app-log.ts";
import type { Change } from "./change.ts";
import { pm2Error } from "./errors.ts";
import type { ProcessManager } from "./process-manager.ts";
import type { Worker } from "./worker.ts";

const INTERVAL_MS = 200;
// A worker that has said "ready" is healthy; this is for the moment between its answer and ours.
const ACCEPT_MS = 1_000;

export interface Reload {
  readonly context: Context;
  readonly manager: ProcessManager;
  readonly worker: Worker;
  readonly change: Change;
  readonly expected: Expectation;
  /** How long it may take to become ready. Shorter than `listen_timeout`, past which PM2 ends the old worker. */
  readonly timeoutMs: number;
  /** How long the old one may drain after that. */
  readonly drainMs: number;
  readonly signal: AbortSignal;
}

/** How PM2's own call ended: not yet, well, or with an error. None of it says that the new worker is well. */
export type CallState = { readonly ended: boolean; readonly error?: unknown };

/** What a look at PM2's list means for a reload under way. */
export function reloadVerdict(
  before: Worker,
  now: Worker | undefined,
  call: CallState,
): "wait" | "look" | { readonly bad: string } {
  if (call.error !== undefined) return { bad: call.error instanceof Error ? call.error.message : String(call.error) };
  if (now === undefined) return call.ended ? { bad: "PM2 no longer lists it" } : "wait";
  if (now.status === "errored") return { bad: "it ended at every start, and PM2 gave up" };
  if (now.restarts > before.restarts + 1) return { bad: "it ended right after its start" };
  if (now.status === "online" && now.pid !== before.pid && now.pid !== 0) return "look";
  return call.ended ? { bad: `PM2 says that it is done, but the worker is "${now.status}"` } : "wait";
}

/**
 * Reloads one worker and returns it as it then is: new, at work in the expected release, healthy, and the old one gone.
 * At the first bad sign it rejects at once; the old worker is still parked then, and serves.
 */
export async function reloadWorker(reload: Reload): Promise<Worker> {
  const { context, manager, worker, change, signal } = reload;
  const { clock } = context;
  signal.throwIfAborted();
  const call: { ended: boolean; error?: unknown } = { ended: false };
  void manager.reload(worker, change).then(
    () => {
      call.ended = true;
    },
    (error: unknown) => {
      call.error = error ?? new Error("unknown");
    },
  );
  const deadline = clock.elapsed() + reload.timeoutMs;
  for (;;) {
    const state = { ...call };
    const now = await find(manager, worker.id);
    const verdict = reloadVerdict(worker, now, state);
    if (verdict === "look") {
      const accepted = await accept(reload, now as Worker);
      await drained(reload, call);
      return accepted;
    }
    if (verdict !== "wait") throw await activationFailed(context, worker, verdict.bad);
    if (clock.elapsed() > deadline)
      throw await activationFailed(context, worker, `it was not ready within ${reload.timeoutMs / 1000} s`);
    await clock.sleep(INTERVAL_MS, signal);
  }
}

async function accept({ context, manager, expected, signal, timeoutMs }: Reload, found: Worker): Promise<Worker> {
  // A check from outside has no part in "ready": the app may still be starting.
  const deadline = context.clock.elapsed() + (expected.outside === undefined ? ACCEPT_MS : timeoutMs);
  const precise = { ...expected, pid: found.pid, restarts: found.restarts };
  for (let now: Worker | undefined = found; ; now = await find(manager, found.id)) {
    const fault = await lookAtWorker(context, now, precise, signal);
    if (fault === null) return found;
    if (context.clock.elapsed() > deadline) throw await activationFailed(context, found, fault);
    await context.clock.sleep(INTERVAL_MS, signal);
  }
}

// PM2 refuses to reload an id again while its old worker drains, and so do we.
async function drained({ context, drainMs, worker }: Reload, call: CallState): Promise<void> {
  const deadline = context.clock.elapsed() + drainMs;
  while (!call.ended && call.error === undefined) {
    if (context.clock.elapsed() > deadline) {
      context.warn(`The old worker of ${worker.name} (pid ${worker.pid}) has not ended yet; PM2 will end it.`);
      return;
    }
    await context.wait(INTERVAL_MS / 4);
  }
}

/** ERR_ACTIVATION_FAILED with the worker's last lines. */
export async function activationFailed(context: Context, worker: Worker, why: string): Promise<DeployError> {
  const lines = await lastLines(context, worker);
  const log = lines.length === 0 ? "" : ` Its log ends with:\n${lines.join("\n")}`;
  return pm2Error("ERR_ACTIVATION_FAILED", {
    message: `${worker.name} (PM2 id ${worker.id}) did not come up with the new release: ${context.redact(why)}.${log}`,
    hint: "Mend the app and push; PM2 shows the whole log: pm2 logs",
    details: { app: worker.name, id: worker.id, reason: context.redact(why) },
  });
}

async function find(manager: ProcessManager, id: number): Promise<Worker | undefined> {
  return (await manager.list()).find((worker) => worker.id === id);
}
