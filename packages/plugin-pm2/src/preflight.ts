import { join } from "node:path";
import {
  type Context,
  DeployError,
  excessOfSocketPath,
  isInside,
  namedHere,
  type PreflightContext,
} from "@deployer/core";
import { type Daemon, findPm2, pm2Home, runningDaemon } from "./daemon.ts";
import type { Settings } from "./options.ts";
import { pm2FieldsAmong } from "./pm2-fields.ts";
import { pm2ProcessManager, rpcSocket } from "./pm2-process-manager.ts";

const OLDEST_MAJOR = 5;
// "interactor.sock" is the longest of PM2's sockets; a longer home crashes its client and leaves a deaf daemon behind.
const HOME_LIMIT = 107 - "/interactor.sock".length;

/** Looks whether PM2 and the root are fit, and takes the daemon's Node for everything: its workers run on no other. */
export async function preflight(context: PreflightContext, settings: Settings): Promise<void> {
  const home = pm2Home(context);
  for (const name of pm2FieldsAmong(Object.keys(context.env))) {
    context.problem(
      `the config passes on the variable "${name}", and PM2 takes one of such a name for its own setting`,
      `Take "${name}" out of \`env\` in the config, and give the app a variable of another name.`,
    );
  }
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
  const owner = (await context.fs.resolve(rpcSocket(home)))?.uid;
  if (owner !== undefined && owner !== process.getuid?.()) {
    context.problem(
      `PM2's daemon in ${home} belongs to uid ${owner}; this is uid ${process.getuid?.()}`,
      `Run the deployer as that user (sudo -u '#${owner}' deployer …), or name a PM2_HOME of this user's.`,
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
    await compareVersions(context, installation.package, daemon);
    refuseInside(context, installation.package, "PM2");
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    context.problem(error.message, error.hint);
  }
  if (daemon !== undefined) await lookAtDaemon(context, daemon, home);
  await refuseOtherHome(context, home);
}

/** The daemon speaks the same language for years; so this is told and nothing more. `pm2 update` would end every app. */
async function compareVersions(context: Context, folder: string, daemon: Daemon | undefined): Promise<void> {
  if (daemon === undefined) return;
  const { version } = JSON.parse(await context.fs.readText(join(folder, "package.json"))) as { version?: string };
  if (version === undefined || version === daemon.version) return;
  context.warn(
    `PM2's daemon is of version ${daemon.version}, and the pm2 in ${folder} of version ${version}; in a quiet moment, because every app restarts: pm2 update`,
  );
}

/** Apps of this root under another daemon would keep the port, and be served by nobody's word. */
async function refuseOtherHome(context: PreflightContext, home: string): Promise<void> {
  const { processes, paths } = context;
  const own = await pm2ProcessManager(context, { home, package: "" }).daemonPid();
  const served = own === undefined ? [] : await processes.children(own);
  for (const pid of await processes.pids()) {
    const cwd = await processes.workingDirectory(pid);
    if (cwd === undefined || !isInside(cwd, paths.releases) || served.includes(pid)) continue;
    // In the first environment of a worker stands the home of the daemon that started it.
    const { PM2_HOME: other, pm2_env, pm_id } = (await processes.environment(pid)) ?? {};
    if (other === undefined || other === home || (pm2_env === undefined && pm_id === undefined)) continue;
    context.problem(
      `a process of this root (pid ${pid}) runs under the PM2 of ${other}, and this run would use that of ${home}`,
      `Set PM2_HOME=${other} for the deployer, or end the app there first: PM2_HOME=${other} pm2 delete …`,
    );
    return;
  }
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
  if (cwd !== undefined && isInside(cwd, context.paths.releases)) {
    context.warn(
      `PM2's daemon was started inside a release (${cwd}), which is kept for as long as the daemon lives; in a quiet moment, because every app restarts: cd / && pm2 save && pm2 update`,
    );
  }
}

function refuseInside(context: PreflightContext, path: string, what: string): void {
  const { releases, current } = context.paths;
  const here = namedHere(context.paths, path);
  if (![releases, current].some((folder) => isInside(here, folder))) return;
  context.problem(
    `${what} lies inside a release (${path}): when that release is removed, no worker can start any more`,
    "Install PM2 outside (npm install -g pm2), then, in a quiet moment because every app restarts: cd / && pm2 save && pm2 update",
  );
}
