import { type Context, isInside } from "@deployer/core";
import { type Expectation, lookAtWorker } from "./accept.ts";
import { pm2Error } from "./errors.ts";
import type { Pm2App } from "./pm2-app.ts";
import type { ProcessManager } from "./process-manager.ts";
import { activationFailed } from "./reload.ts";
import { isLaunching, type Worker } from "./worker.ts";

const INTERVAL_MS = 200;
// PM2 launches the next instance right after the one before has come up or gone.
const QUIET_MS = 1_000;

export interface FirstStart {
  readonly context: Context;
  readonly manager: ProcessManager;
  readonly app: Pm2App;
  readonly expected: Expectation;
  /** For each instance: PM2 starts one after the other. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Starts an app that PM2 does not know, and returns its workers when all are accepted. */
export async function startApp({ context, manager, app, expected, timeoutMs, signal }: FirstStart): Promise<Worker[]> {
  const { clock } = context;
  const call: { ended: boolean; error?: unknown } = { ended: false };
  void manager.start(app).then(
    () => {
      call.ended = true;
    },
    (error: unknown) => {
      call.error = error ?? new Error("unknown");
    },
  );
  let known = 0;
  let deadline = clock.elapsed() + timeoutMs;
  for (;;) {
    const ended = call.ended;
    if (call.error !== undefined) throw call.error;
    const workers = (await manager.list()).filter((worker) => worker.name === app.name);
    const bad = workers.find((worker) => worker.status === "errored" || worker.restarts > 0);
    if (bad !== undefined) throw await activationFailed(context, bad, "it ended right after its start");
    const waiting = workers.find(isLaunching);
    if (ended && waiting === undefined) {
      const faults: { worker: Worker; fault: string }[] = [];
      for (const worker of workers) {
        const fault = await lookAtWorker(context, worker, { ...expected, restarts: 0 }, signal);
        if (fault !== null) faults.push({ worker, fault });
      }
      const [first] = faults;
      if (first === undefined && workers.length > 0) return workers;
      // A check from outside has no part in "ready": the app may still be starting.
      if (first !== undefined && (expected.outside === undefined || clock.elapsed() > deadline))
        throw await activationFailed(context, first.worker, first.fault);
      if (first === undefined)
        throw pm2Error("ERR_PM2_CALL", {
          message: `PM2 has not started ${app.name}.`,
          hint: "Look at pm2.log in its home.",
        });
    }
    if (workers.length > known) {
      known = workers.length;
      deadline = clock.elapsed() + timeoutMs;
    }
    if (clock.elapsed() > deadline) {
      const late = waiting ?? workers[0];
      if (late !== undefined)
        throw await activationFailed(context, late, `it was not ready within ${timeoutMs / 1000} s`);
      throw pm2Error("ERR_PM2_CALL", {
        message: `PM2 has not started ${app.name} within ${timeoutMs / 1000} s.`,
        hint: "Look at pm2.log in its home.",
      });
    }
    await clock.sleep(INTERVAL_MS, signal);
  }
}

/**
 * Takes an app out of PM2 again. What is launching is killed by its pid and comes up no more, because `current` is gone;
 * only when it is down is it deleted. At the end no process of the daemon is left that PM2 does not list.
 */
export async function removeApps(
  { context, manager, signal, timeoutMs }: Omit<FirstStart, "app" | "expected">,
  isOurs: (worker: Worker) => boolean,
): Promise<void> {
  const { clock, processes } = context;
  const deadline = clock.elapsed() + timeoutMs;
  let emptySince: number | undefined;
  for (;;) {
    const workers = (await manager.list()).filter(isOurs);
    for (const worker of workers) {
      if (!isLaunching(worker)) await manager.delete(worker.id);
      else if (worker.pid !== 0) processes.signal(worker.pid, "SIGKILL");
    }
    if (workers.length > 0) emptySince = undefined;
    else emptySince ??= clock.elapsed();
    if (emptySince !== undefined && clock.elapsed() - emptySince >= QUIET_MS) break;
    if (clock.elapsed() > deadline) {
      throw pm2Error("ERR_NOT_BROUGHT_BACK", {
        message: `PM2 still has ${workers.map(({ name, id, status }) => `${name} (id ${id}, ${status})`).join(", ")}.`,
        hint: "When none of them is launching any more: pm2 delete <id>",
      });
    }
    await clock.sleep(INTERVAL_MS, signal);
  }
  await endOrphans(context, manager);
}

/** Ends workers of this root that PM2 has lost sight of: children of the daemon that it does not list. */
export async function endOrphans({ processes, paths }: Context, manager: ProcessManager): Promise<void> {
  const daemon = await manager.daemonPid();
  if (daemon === undefined || (await manager.parked()) > 0) return;
  const children = await processes.children(daemon);
  const listed = new Set((await manager.list()).map((worker) => worker.pid));
  for (const pid of children) {
    if (listed.has(pid)) continue;
    const cwd = await processes.workingDirectory(pid);
    if (cwd !== undefined && isInside(cwd, paths.releases)) processes.signal(pid, "SIGKILL");
  }
}
