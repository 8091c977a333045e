import { join } from "node:path";
import { preloadEnvironment } from "@deployer/core";
import type { Change } from "./change.ts";
import type { AppDefinition } from "./definition.ts";
import { logFields } from "./log-files.ts";
import type { Settings } from "./options.ts";

// PM2 ends the old worker when a new one has not become ready by then, dead code or not. So it is longer than our own
// deadline, and long enough for the next run to find the old worker alive when this run was killed.
const LISTEN_MARGIN_MS = 120_000;
// A worker that is not healthy listens all the same when the deployer has long given up on it.
const READY_MARGIN_MS = 30_000;
// After the drain the app's own shutdown code may run for up to five seconds.
const KILL_MARGIN_MS = 6_000;

/** An app in PM2's words. */
export type Pm2App = Readonly<Record<string, unknown>> & { readonly name: string };

export interface Pm2Place {
  /** The app's directory through `current`, literally: resolved anew at every start of a worker. */
  readonly current: string;
  readonly preload: string;
  readonly sockets: string;
  /** Of the release whose workers these are. */
  readonly revision: string;
  /** The clean environment that the app's own variables are added to. */
  readonly env: Readonly<Record<string, string>>;
}

/** For the first start. */
export function pm2App(app: AppDefinition, place: Pm2Place, settings: Settings): Pm2App {
  return {
    ...app.rest,
    ...fieldsOf(app, place, settings),
    name: app.name,
    cwd: join(place.current, app.cwd),
    script: app.script,
    exec_mode: app.mode,
    ...(app.mode === "cluster" ? { instances: app.instances } : {}),
    ...(app.mode === "fork" && app.interpreter !== undefined ? { interpreter: app.interpreter } : {}),
    // Variables that merely came with the deployer's environment are not the app's: PM2 would show them as if they were.
    env: environmentOf(app, place, settings),
  };
}

/**
 * For a reload: everything that defines a worker. PM2's own client leaves folder, script and mode as they were at the
 * first start; its daemon takes them in like the rest.
 */
export function changeOf(app: AppDefinition, place: Pm2Place, settings: Settings): Change {
  const { args, ...fields } = fieldsOf(app, place, settings);
  const cwd = join(place.current, app.cwd);
  return {
    fields: {
      ...limitsOf(app),
      ...logFields(app, cwd, place.env.PM2_HOME ?? ""),
      ...fields,
      args: app.args.length === 0 ? "null" : args,
      cwd,
      pm_cwd: cwd,
      pm_exec_path: join(cwd, app.script),
      exec_mode: `${app.mode}_mode`,
      ...interpreterOf(app),
    },
    env: { ...place.env, ...environmentOf(app, place, settings) },
  };
}

function fieldsOf(app: AppDefinition, place: Pm2Place, settings: Settings): Record<string, unknown> {
  const drained = app.mode === "cluster";
  return {
    ...(app.args.length === 0 ? {} : { args: [...app.args] }),
    node_args: drained ? ["-r", place.preload, ...app.nodeArgs] : [...app.nodeArgs],
    merge_logs: true,
    ...(app.health === undefined ? {} : { wait_ready: true }),
    ...(waitsForWorkers(app)
      ? { listen_timeout: Math.max(app.listenTimeoutMs ?? 0, settings.healthTimeoutMs + LISTEN_MARGIN_MS) }
      : app.listenTimeoutMs === undefined
        ? {}
        : { listen_timeout: app.listenTimeoutMs }),
    ...(drained && settings.drainTimeoutMs > 0
      ? { kill_timeout: Math.max(app.killTimeoutMs ?? 0, settings.drainTimeoutMs + KILL_MARGIN_MS) }
      : app.killTimeoutMs === undefined
        ? {}
        : { kill_timeout: app.killTimeoutMs }),
  };
}

// For "ready", or, where a port is the check, for the worker to listen.
function waitsForWorkers({ health, outside }: AppDefinition): boolean {
  return health !== undefined || (outside !== undefined && "tcp" in outside);
}

// In cluster mode everything runs on the daemon's Node, whatever stands here.
function interpreterOf(app: AppDefinition): Record<string, string> {
  if (app.mode === "cluster") return {};
  const interpreter = app.interpreter ?? (/\.[cm]?js$/.test(app.script) ? "node" : undefined);
  return interpreter === undefined ? {} : { exec_interpreter: interpreter };
}

function environmentOf(app: AppDefinition, place: Pm2Place, settings: Settings): Record<string, string> {
  // As build and trial have it: what asks for it, as Next.js for its deploymentId, must hear one value everywhere.
  const own = { ...app.env, DEPLOYER_REVISION: place.revision };
  if (app.mode === "fork") return own;
  return {
    ...own,
    ...preloadEnvironment({
      sockets: place.sockets,
      ...(app.health === undefined ? {} : { health: app.health }),
      readyTimeoutMs: settings.healthTimeoutMs + READY_MARGIN_MS,
      drainTimeoutMs: settings.drainTimeoutMs,
    }),
  };
}

// What PM2 itself turns into numbers at a first start, and takes as they are at a reload.
const LIMITS = [
  "max_memory_restart",
  "min_uptime",
  "max_restarts",
  "restart_delay",
  "exp_backoff_restart_delay",
  "kill_retry_time",
];
const FACTORS: Readonly<Record<string, number>> = {
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

function limitsOf(app: AppDefinition): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const name of LIMITS) {
    const [, digits, unit = ""] = /^(\d+)([KMGsmh]?)$/.exec(String(app.rest[name])) ?? [];
    if (digits !== undefined) limits[name] = Number(digits) * (FACTORS[unit] ?? 1);
  }
  return limits;
}
