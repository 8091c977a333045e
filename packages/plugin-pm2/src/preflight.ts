import { sep } from "node:path";
import { DeployError, excessOfSocketPath, type PreflightContext } from "@deployer/core";
import { type Daemon, findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import type { Settings } from "./options.ts";
import { pm2ProcessManager } from "./pm2-process-manager.ts";

const OLDEST_MAJOR = 5;
// "interactor.sock" is the longest of PM2's sockets; a longer home crashes its client and leaves a deaf daemon behind.
const HOME_LIMIT = 107 - "/interactor.sock".length;

/** Looks whether PM2 and the root are fit, and takes the daemon's Node for everything: its workers run on no other. */
export async function preflight(context: PreflightContext, settings: Settings): Promise<void> {
  const home = pm2Home(context);
  const excess = excessOfSocketPath(context.paths);
  if (excess > 0) {
    const length = Buffer.byteLength(context.paths.root);
    context.problem(
      `the root's path is ${length} bytes long; ${length - excess} are allowed, because unix sockets lie below it`,
      "Move the app to a root with a shorter path.",
    );
  }
  if (Buffer.byteLength(home) > HOME_LIMIT) {
    context.problem(
      `PM2_HOME is ${Buffer.byteLength(home)} bytes long; ${HOME_LIMIT} are allowed, because PM2's sockets lie in it`,
      "Choose a shorter PM2_HOME.",
    );
    return;
  }
  const daemon = await runningDaemon(home).catch((error: unknown) => {
    context.problem(
      `PM2's daemon does not answer: ${context.redact(String(error))}`,
      `Look at ${home}/pm2.log; does the daemon belong to another user?`,
    );
    return null;
  });
  if (daemon === null) return;
  try {
    const installation = await findPm2(context, settings.path, daemon);
    refuseInside(context, installation.package, "PM2");
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    context.problem(error.message, error.hint);
  }
  if (daemon !== undefined) await lookAtDaemon(context, daemon, home);
}

async function lookAtDaemon(context: PreflightContext, daemon: Daemon, home: string): Promise<void> {
  context.useNode(daemon.nodePath, `PM2's daemon runs on it (${daemon.nodeVersion}), and so do its workers`);
  if (Number.parseInt(daemon.version, 10) < OLDEST_MAJOR) {
    context.problem(
      `PM2's daemon is of version ${daemon.version}`,
      "Update: npm install -g pm2 && pm2 update (restarts every app).",
    );
  }
  refuseInside(context, daemon.package, "PM2's daemon");
  const pid = await pm2ProcessManager(context, { home, package: daemon.package }).daemonPid();
  const cwd = pid === undefined ? undefined : await context.processes.workingDirectory(pid);
  if (cwd !== undefined)
    refuseInside(context, cwd.replace(/ \(deleted\)$/, ""), "the working directory of PM2's daemon");
}

function refuseInside(context: PreflightContext, path: string, what: string): void {
  const { releases, current } = context.paths;
  if (![releases, current].some((folder) => `${path}${sep}`.startsWith(`${folder}${sep}`))) return;
  context.problem(
    `${what} lies inside a release (${path}): when that release is removed, no worker can start any more`,
    "Install PM2 outside (npm install -g pm2), then, in a quiet moment because every app restarts: cd / && pm2 save && pm2 update",
  );
}
