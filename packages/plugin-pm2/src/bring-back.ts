import { type Context, isInside } from "@deployer/core";
import { type Expectation, lookAtWorker } from "./accept.ts";
import { type Change, isInEffect } from "./change.ts";
import { pm2Error } from "./errors.ts";
import type { ProcessManager } from "./process-manager.ts";
import { reloadWorker } from "./reload.ts";
import { isLaunching, type Worker } from "./worker.ts";

const INTERVAL_MS = 150;

export interface BringBack {
  readonly context: Context;
  readonly manager: ProcessManager;
  readonly id: number;
  /** How it was defined when it served before; `undefined` where nobody knows: then what PM2 has stays. */
  readonly change: Change | undefined;
  /** As it must be afterwards: at work in the release that `current` points at again. */
  readonly expected: Expectation;
  readonly timeoutMs: number;
  readonly drainMs: number;
  readonly signal: AbortSignal;
}

/**
 * Brings one worker back to the release that `current` points at again. While it launches, its pid is killed if it is at
 * work elsewhere: PM2 then starts it through `current`, and the old worker, still parked, serves until that one is ready.
 */
export async function bringBack(options: BringBack): Promise<void> {
  const { context, manager, id, expected, signal } = options;
  const { clock } = context;
  // A reload of it that is under way has to end first, the drain of its old worker included.
  const deadline = clock.elapsed() + options.timeoutMs + options.drainMs;
  let last = "it is still launching";
  let restarting = false;
  for (;;) {
    const worker = (await manager.list()).find((candidate) => candidate.id === id);
    if (worker === undefined) {
      last = "PM2 no longer lists it";
      // With its daemon it is gone for good: the next check starts both.
      if (!(await manager.isRunning())) throw notBroughtBack(options, worker, "PM2 has died");
    } else if (isLaunching(worker)) {
      if (worker.status === "launching" && options.change !== undefined && !isInEffect(worker, options.change)) {
        await giveBack(options, worker, options.change);
      } else {
        await killElsewhere(context, worker, expected.release);
      }
    } else if (worker.status === "errored" || worker.status === "stopped") {
      last = `PM2 calls it "${worker.status}"`;
      // PM2's answer comes when it is ready; a reload of this id that is under way is concluded by the same "ready".
      if (!restarting) {
        restarting = true;
        const over = (): void => {
          restarting = false;
        };
        void manager.restart(worker, options.change ?? { fields: {}, env: envOf(worker) }).then(over, over);
      }
    } else if (worker.status === "online") {
      const fault = await lookAtWorker(context, worker, expected, signal);
      if (fault === null && (options.change === undefined || isInEffect(worker, options.change))) {
        // PM2 has parked the old worker, and ends it when it has drained: only then is this id as it was.
        if ((await manager.parked()) === 0 || clock.elapsed() > deadline) return;
        await clock.sleep(INTERVAL_MS, signal);
        continue;
      }
      last = fault ?? "its definition is not back";
      await reloadBack(options, worker).catch((error: unknown) => {
        signal.throwIfAborted();
        last = error instanceof Error ? error.message : String(error);
      });
    }
    if (clock.elapsed() > deadline) throw notBroughtBack(options, worker, last);
    await clock.sleep(INTERVAL_MS, signal);
  }
}

// Told to restart, PM2 takes in the definition at once and then waits for the process to end. Killed by its pid it is
// started again, as it is defined now, and the old worker stays parked. (Stopped or deleted it would become an orphan.)
async function giveBack({ context, manager, id }: BringBack, worker: Worker, change: Change): Promise<void> {
  const refused = (): void => {}; // PM2 finds it started already, by itself: that is what was wanted
  void manager.restart(worker, change).catch(refused);
  for (let turn = 0; turn < 20; turn += 1) {
    const now = (await manager.list()).find((candidate) => candidate.id === id);
    if (now === undefined || now.pid !== worker.pid || isInEffect(now, change)) break;
    await context.clock.sleep(INTERVAL_MS / 3);
  }
  context.processes.signal(worker.pid, "SIGKILL");
}

async function killElsewhere({ processes, paths }: Context, worker: Worker, release: string): Promise<void> {
  const cwd = await processes.workingDirectory(worker.pid);
  // Before its first line a worker still stands where the daemon does, and will go where `current` points.
  if (cwd === undefined || !isInside(cwd, paths.releases) || isInside(cwd, release)) return;
  processes.signal(worker.pid, "SIGKILL");
}

async function reloadBack(options: BringBack, worker: Worker): Promise<void> {
  const { context, manager, expected, timeoutMs, drainMs, signal } = options;
  const change = options.change ?? { fields: {}, env: envOf(worker) };
  await reloadWorker({ context, manager, worker, change, expected, timeoutMs, drainMs, signal });
}

function envOf(worker: Worker): Record<string, string> {
  return Object.fromEntries(Object.entries(worker.stored.env).map(([key, value]) => [key, String(value)]));
}

function notBroughtBack({ context, id, expected }: BringBack, worker: Worker | undefined, last: string): Error {
  return pm2Error("ERR_NOT_BROUGHT_BACK", {
    message: `${worker?.name ?? "A worker"} (PM2 id ${id}) could not be brought back to ${expected.release}: ${context.redact(last)}.`,
    hint: `Look at \`pm2 list\` and \`pm2 logs\`, then: pm2 reload ${worker?.name ?? id}`,
    details: { id, release: expected.release },
  });
}
