import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { coreError } from "../errors/catalog.ts";
import { DeployError } from "../errors/deploy-error.ts";
import type { Context, Trial } from "../plugin/contexts.ts";
import type { RunningProcess } from "../ports/process-runner.ts";
import { type HealthCheck, httpCheck, type OutsideCheck, outsideCheck, type Probe } from "./health-check.ts";
import { httpProbe } from "./http-probe.ts";
import { installPreload } from "./install-preload.ts";
import { outsideProbe } from "./outside-probe.ts";
import { preloadEnvironment } from "./preload-environment.ts";
import { refuseLongSocketPath } from "./private-socket.ts";
import { stayHealthy } from "./stay-healthy.ts";
import { tcpProbe } from "./tcp-probe.ts";
import { waitUntilHealthy } from "./wait-until-healthy.ts";

const DEATH_MS = 500;

export interface CandidateOptions {
  readonly context: Context;
  readonly trial: Trial;
  /** Absolute path of the script. */
  readonly file: string;
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  /** Where it runs. @default the trial's directory */
  readonly cwd?: string;
  /** The app's own environment; the trial's is added to it. */
  readonly env: Readonly<Record<string, string>>;
  readonly health: HealthCheck;
  /** How long it must stay healthy without a break. @default 5_000 */
  readonly settleMs?: number;
  /** How long it may take until it is healthy for the first time. @default 60_000 */
  readonly startTimeoutMs?: number;
  /** Called after each healthy answer with the candidate's pid; what it throws ends the trial. */
  readonly onHealthy?: (pid: number) => Promise<void>;
}

/** How the name of a candidate's socket begins; those of workers begin with their pid. */
const PREFIX = "g-";

/**
 * Starts the app out of traffic: on a private unix socket, whatever port it asks for. It must become healthy, stay so
 * while it settles, and be alive at the end. Whatever happens, it and all that it started are ended before this returns.
 */
export async function runCandidate(options: CandidateOptions): Promise<void> {
  const { context, trial } = options;
  const { clock, paths, signal } = context;
  refuseLongSocketPath(paths);
  await context.fs.makeDirectory(paths.sockets, 0o700);
  // There is never a second candidate: what is here was left by a deployer that was killed.
  await removeSockets(context, (name) => name.startsWith(PREFIX));
  const preload = await installPreload(context.fs, paths);
  const socketPath = join(paths.sockets, `${PREFIX}${randomBytes(4).toString("hex")}.sock`);
  const startTimeoutMs = options.startTimeoutMs ?? 60_000;

  const running = context.runner.start({
    file: context.node.path,
    args: ["-r", preload, ...(options.nodeArgs ?? []), options.file, ...(options.args ?? [])],
    cwd: options.cwd ?? trial.directory,
    env: {
      ...options.env,
      ...trial.environment,
      ...preloadEnvironment({
        sockets: paths.sockets,
        health: options.health,
        readyTimeoutMs: startTimeoutMs,
        drainTimeoutMs: 0,
      }),
      DEPLOYER_GATE: "1",
      DEPLOYER_GATE_SOCKET: socketPath,
      DEPLOYER_RUN: context.run.id,
    },
    onLine: context.output,
    signal,
  });
  // Its death ends the waiting at once.
  const dead = new AbortController();
  const died = running.exited.then((result) => {
    dead.abort();
    return result;
  });
  const either = AbortSignal.any([signal, dead.signal]);
  const ask = probeOf(options, socketPath, running.pid ?? 0);
  const probe: Probe = async (given) => {
    const answer = await ask(given);
    if (answer.healthy && running.pid !== undefined) await options.onHealthy?.(running.pid);
    return answer;
  };
  try {
    await waitUntilHealthy({ clock, probe, timeoutMs: startTimeoutMs, signal: either });
    const wait = (ms: number): Promise<void> => Promise.race([context.wait(ms), died.then(() => {})]);
    await stayHealthy({ clock, wait, probe, forMs: options.settleMs ?? 5_000, signal: either });
  } catch (error) {
    signal.throwIfAborted();
    // A connection that breaks off may be the first sign of its death: the end itself comes a moment later.
    if (gaveNoAnswer(error)) await Promise.race([died, clock.sleep(DEATH_MS, signal)]);
    signal.throwIfAborted();
    if (dead.signal.aborted) throw await deathOf(died, options);
    throw withLines(error, running, options);
  } finally {
    await running.end();
    await removeSockets(context, (name) => name.startsWith(PREFIX) || name.startsWith(`${running.pid}.`));
  }
}

function probeOf(options: CandidateOptions, socketPath: string, pid: number): Probe {
  const { context, trial, health } = options;
  const http = httpCheck(health);
  if (http !== undefined) return httpProbe({ ...http, socketPath, revision: trial.release.revision.hash });
  return outsideProbe({
    context,
    check: outsideCheck(health) as OutsideCheck,
    tcp: async (signal) => {
      // Its ports were moved to sockets that begin with its pid; which was for which port is not known.
      for (const name of await context.fs.list(context.paths.sockets)) {
        if (!name.startsWith(`${pid}.`)) continue;
        const answer = await tcpProbe({ socketPath: join(context.paths.sockets, name) })(signal);
        if (answer.healthy) return answer;
      }
      return { healthy: false, status: null, body: "", revision: null, error: "it listens on no port" };
    },
    pid,
    cwd: options.cwd ?? trial.directory,
    env: { ...options.env, ...trial.environment, DEPLOYER_GATE: "1" },
  });
}

function gaveNoAnswer(error: unknown): boolean {
  return error instanceof DeployError && error.code === "ERR_UNHEALTHY" && error.details.lastStatus === null;
}

async function deathOf(died: RunningProcess["exited"], { context, trial }: CandidateOptions): Promise<DeployError> {
  const { exitCode, exitSignal, tail, missing } = await died;
  if (missing) {
    return coreError("ERR_COMMAND_MISSING", {
      message: `${context.node.path} was not found.`,
      hint: "Install Node, or start PM2 anew with a Node that is there.",
    });
  }
  const how = exitSignal === null ? `with exit code ${exitCode}` : `by ${exitSignal}`;
  return coreError("ERR_CANDIDATE_DIED", {
    message: withTail(`The release on trial (${trial.label}) ended by itself ${how}.`, tail, context),
    hint: "Nothing live was touched. Start it yourself in the same way, or look at the run's log.",
    details: { exitCode, exitSignal, release: trial.release.id },
    mayPass: true,
  });
}

function withLines(error: unknown, running: RunningProcess, { context, trial }: CandidateOptions): unknown {
  if (!(error instanceof DeployError) || error.code !== "ERR_UNHEALTHY") return error;
  return coreError("ERR_UNHEALTHY", {
    message: withTail(`On trial (${trial.label}): ${context.redact(error.message)}`, running.tail(), context),
    hint: error.hint,
    details: { ...error.details, release: trial.release.id },
    mayPass: error.mayPass,
    cause: error,
  });
}

function withTail(message: string, tail: readonly string[], { redact }: Context): string {
  return tail.length === 0 ? `${message} It wrote nothing.` : `${message} Its last lines:\n${redact(tail.join("\n"))}`;
}

// Whoever is killed leaves its sockets behind.
async function removeSockets({ fs, paths }: Context, isDead: (name: string) => boolean): Promise<void> {
  const names = await fs.list(paths.sockets).catch(() => []);
  for (const name of names.filter(isDead)) await fs.remove(join(paths.sockets, name));
}
