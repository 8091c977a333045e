import type { Stored, Worker } from "./worker.ts";

/** What a reload takes in: fields of PM2's record, and the whole environment. */
export interface Change {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
}

// Fields that PM2 keeps beside the variables; a variable of such a name must not take the field away.
const PM2_FIELDS = new Set(
  [
    [
      "name",
      "namespace",
      "env",
      "args",
      "node_args",
      "exec_mode",
      "exec_interpreter",
      "pm_cwd",
      "pm_exec_path",
      "pm_id",
    ],
    [
      "pm_out_log_path",
      "pm_err_log_path",
      "pm_log_path",
      "pm_pid_path",
      "status",
      "pm_uptime",
      "created_at",
      "username",
    ],
    [
      "merge_logs",
      "kill_retry_time",
      "prev_restart_delay",
      "instance_var",
      "instances",
      "unstable_restarts",
      "restart_time",
    ],
    [
      "axm_actions",
      "axm_monitor",
      "axm_options",
      "axm_dynamic",
      "pmx",
      "pmx_module",
      "watch",
      "filter_env",
      "versioning",
    ],
    [
      "vizion",
      "vizion_running",
      "automation",
      "autostart",
      "autorestart",
      "treekill",
      "exit_code",
      "version",
      "node_version",
    ],
    ["unique_id", "windowsHide", "km_link", "NODE_APP_INSTANCE", "wait_ready", "kill_timeout", "listen_timeout"],
  ].flat(),
);

/**
 * The argument of PM2's own `reloadProcessId` and `restartProcessId`. A field given as "null" is dropped, which is the
 * only way in which a variable that is gone leaves a worker's environment: PM2 copies each to the top of its record.
 */
export function reloadRequest(stored: Stored, id: number, change: Change): unknown {
  const env = { ...change.env, unique_id: stored.env.unique_id };
  const gone = Object.keys(stored.env).filter(
    (key) => !(key in env) && !PM2_FIELDS.has(key) && !(key in change.fields),
  );
  const dropped = Object.fromEntries(gone.map((key) => [key, "null"]));
  return { id, env: { ...env, current_conf: { ...dropped, ...change.fields, env } } };
}

/** A whole record of PM2's for a worker that is started anew, from that of one that runs. */
export function recordOf(stored: Stored, change: Change): Record<string, unknown> {
  const {
    env: { current_conf: conf },
  } = reloadRequest(stored, 0, change) as { env: { current_conf: Record<string, unknown> } };
  const record: Record<string, unknown> = { ...stored, ...conf };
  for (const [key, value] of Object.entries(record)) if (value === "null") delete record[key];
  // What belongs to the process that ran, not to its definition.
  for (const key of ["pm_id", "created_at", "status", "restart_time", "unstable_restarts", "instances"])
    delete record[key];
  return { ...record, autostart: true };
}

/** What undoes a change: the fields that it touched, and the environment, as they were. */
export function changeBack(before: Worker, change: Change): Change {
  const fields = Object.keys(change.fields).map((key) => [key, before.stored[key] ?? "null"]);
  const env = Object.entries(before.stored.env).map(([key, value]) => [key, String(value)]);
  return { fields: Object.fromEntries(fields), env: Object.fromEntries(env) };
}

/** Whether a worker has been given all of this already. */
export function isInEffect(worker: Worker, change: Change): boolean {
  const env = Object.entries(worker.stored.env).filter(([key]) => key !== "unique_id" && !key.startsWith("PM2_"));
  const wanted = Object.entries(change.env).filter(([key]) => key !== "unique_id" && !key.startsWith("PM2_"));
  return (
    Object.entries(change.fields).every(([key, value]) => same(worker.stored[key] ?? "null", value)) &&
    env.length === wanted.length &&
    wanted.every(([key, value]) => String(worker.stored.env[key]) === value)
  );
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
