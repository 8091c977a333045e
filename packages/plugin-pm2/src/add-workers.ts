import type { Context } from "@deployer/core";
import { type Expectation, lookAtWorker } from "./accept.ts";
import { pm2Error } from "./errors.ts";
import type { ProcessManager } from "./process-manager.ts";
import { activationFailed, type CallState } from "./reload.ts";
import { isLaunching, type Worker } from "./worker.ts";

const INTERVAL_MS = 200;

export interface NewWorker {
  readonly context: Context;
  readonly manager: ProcessManager;
  readonly name: string;
  /** Ids of this name that were there before. */
  readonly known: ReadonlySet<number>;
  readonly expected: Expectation;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Starts `count` more workers beside `model`, one after the other and each accepted. They are defined as it is now. */
export async function addWorkers(
  options: Omit<NewWorker, "known" | "name"> & { readonly model: Worker; readonly count: number },
): Promise<Worker[]> {
  const { manager, model } = options;
  const added: Worker[] = [];
  for (let turn = 0; turn < options.count; turn += 1) {
    const known = new Set((await manager.list()).map(({ id }) => id));
    const call = startCall(manager.duplicate(model.id));
    added.push(await waitForNew({ ...options, name: model.name, known }, call));
  }
  return added;
}

/** Waits for the one worker that is new under this name, and returns it when it is accepted. */
export async function waitForNew(options: NewWorker, call: CallState): Promise<Worker> {
  return (await watchNew(options, call, async (worker) => {
    if (worker.status !== "online") return "wait";
    const fault = await lookAtWorker(options.context, worker, { ...options.expected, restarts: 0 }, options.signal);
    return fault ?? "good";
  })) as Worker;
}

/** Looks at the new worker until `look` calls it good; anything but "wait" and "good" is what is wrong with it. */
export async function watchNew(
  { context, manager, name, known, timeoutMs, signal }: NewWorker,
  call: CallState,
  look: (worker: Worker) => Promise<string>,
): Promise<Worker> {
  const { clock } = context;
  const deadline = clock.elapsed() + timeoutMs;
  for (;;) {
    if (call.error !== undefined) throw call.error;
    const worker = (await manager.list()).find((candidate) => candidate.name === name && !known.has(candidate.id));
    if (worker !== undefined) {
      if (worker.status === "errored" || worker.restarts > 0) {
        throw await activationFailed(context, worker, "it ended right after its start");
      }
      const said = await look(worker);
      if (said === "good") return worker;
      if (said !== "wait") throw await activationFailed(context, worker, said);
    }
    if (clock.elapsed() > deadline) {
      if (worker !== undefined)
        throw await activationFailed(context, worker, `it was not ready within ${timeoutMs / 1000} s`);
      throw pm2Error("ERR_PM2_CALL", {
        message: `PM2 has not started another worker of ${name} within ${timeoutMs / 1000} s.`,
        hint: "Look at pm2.log in its home.",
      });
    }
    await clock.sleep(INTERVAL_MS, signal);
  }
}

/** Keeps how a call ends, without waiting for it. */
export function startCall(promise: Promise<void>): CallState {
  const call: { ended: boolean; error?: unknown } = { ended: false };
  promise.then(
    () => {
      call.ended = true;
    },
    (error: unknown) => {
      call.error = error ?? new Error("unknown");
    },
  );
  return call;
}

/** Ends workers that are no longer wanted, each when it is not launching; they finish what they have open. */
export async function endWorkers(
  { context, manager, timeoutMs }: { context: Context; manager: ProcessManager; timeoutMs: number },
  ids: ReadonlySet<number>,
): Promise<void> {
  const { clock } = context;
  const deadline = clock.elapsed() + timeoutMs;
  for (;;) {
    const left = (await manager.list()).filter(({ id }) => ids.has(id));
    if (left.length === 0) return;
    for (const worker of left) if (!isLaunching(worker)) await manager.delete(worker.id);
    if (clock.elapsed() > deadline) {
      throw pm2Error("ERR_PM2_CALL", {
        message: `PM2 still has ${left.map(({ name, id, status }) => `${name} (id ${id}, ${status})`).join(", ")}.`,
        hint: "When none of them is launching any more: pm2 delete <id>",
      });
    }
    await clock.sleep(INTERVAL_MS, context.signal);
  }
}
