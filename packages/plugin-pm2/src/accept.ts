import {
  type Context,
  type HealthCheckOptions,
  httpProbe,
  isInside,
  type OutsideCheck,
  outsideProbe,
  type ProbeAnswer,
  workerSocket,
} from "@deployer/core";
import type { Worker } from "./worker.ts";

/** What a worker must be to be accepted. PM2's own word ("online", exit code 0) is given over dead code as well. */
export interface Expectation {
  /** Real path of the release that it must work in. */
  readonly release: string;
  readonly health: HealthCheckOptions | undefined;
  /** In place of `health`; with the app's own environment. */
  readonly outside?: OutsideCheck | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly revision?: string;
  /** How often PM2 may have started it; unless given, as often as it has. */
  readonly restarts?: number;
  readonly pid?: number;
}

/** What was seen of a worker beside PM2's record. */
export interface Sighting {
  readonly alive: boolean;
  readonly cwd: string | undefined;
  /** Of its own private socket, or of the check from outside; `undefined` when there is no health check. */
  readonly answer: ProbeAnswer | undefined;
}

/** What is wrong with a worker, or `null` when it is accepted. */
export function faultOfWorker(worker: Worker | undefined, seen: Sighting, expected: Expectation): string | null {
  if (worker === undefined) return "PM2 no longer lists it";
  if (worker.status !== "online") return `PM2 calls it "${worker.status}"`;
  if (worker.pid === 0 || !seen.alive) return "it has no living process";
  if (expected.pid !== undefined && worker.pid !== expected.pid)
    return `it was started anew (pid ${expected.pid}, now ${worker.pid})`;
  if (expected.restarts !== undefined && worker.restarts !== expected.restarts) return "it has restarted";
  if (seen.cwd === undefined || !isInside(seen.cwd, expected.release)) {
    return `it works in ${seen.cwd ?? "an unknown folder"} instead of ${expected.release}`;
  }
  if (seen.answer !== undefined && !seen.answer.healthy) return `its health check failed: ${seen.answer.error}`;
  return null;
}

/** Looks at one worker itself: its process, its working directory and its own health check. */
export async function lookAtWorker(
  context: Context,
  worker: Worker | undefined,
  expected: Expectation,
  signal?: AbortSignal,
): Promise<string | null> {
  if (worker === undefined || worker.pid === 0 || worker.status !== "online") {
    return faultOfWorker(worker, { alive: false, cwd: undefined, answer: undefined }, expected);
  }
  const { processes, paths } = context;
  const [identity, cwd, ownAnswer] = await Promise.all([
    processes.identity(worker.pid),
    processes.workingDirectory(worker.pid),
    expected.health === undefined
      ? undefined
      : httpProbe({
          ...expected.health,
          socketPath: workerSocket(paths.sockets, worker.pid),
          ...(expected.revision === undefined ? {} : { revision: expected.revision }),
        })(signal),
  ]);
  const answer =
    expected.outside === undefined || cwd === undefined
      ? ownAnswer
      : await outsideProbe({
          context,
          check: expected.outside,
          pid: worker.pid,
          cwd,
          env: {
            ...expected.env,
            ...(expected.revision === undefined ? {} : { DEPLOYER_REVISION: expected.revision }),
          },
        })(signal);
  return faultOfWorker(worker, { alive: identity !== undefined, cwd, answer }, expected);
}
