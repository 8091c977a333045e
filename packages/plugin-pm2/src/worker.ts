/** What PM2 has stored of a process; the fields of `env` also stand beside it. */
export interface Stored {
  readonly [field: string]: unknown;
  readonly env: Readonly<Record<string, unknown>>;
}

/** One process in PM2's list. */
export interface Worker {
  readonly id: number;
  readonly name: string;
  /** 0 when nothing runs. */
  readonly pid: number;
  /** online, launching, stopping, stopped, errored, "waiting restart". */
  readonly status: string;
  readonly restarts: number;
  /** The literal path it was given, as this root names it; word for word it stands in `stored`. */
  readonly cwd: string;
  readonly script: string;
  readonly mode: "cluster" | "fork";
  readonly stored: Stored;
}

/** A worker from an entry of PM2's list. */
export function workerOf(entry: {
  readonly pid?: number;
  readonly name: string;
  readonly pm_id: number;
  readonly pm2_env: Stored;
}): Worker {
  const stored = entry.pm2_env;
  return {
    id: entry.pm_id,
    name: entry.name,
    pid: typeof entry.pid === "number" ? entry.pid : 0,
    status: String(stored.status),
    restarts: Number(stored.restart_time ?? 0),
    cwd: String(stored.pm_cwd ?? ""),
    script: String(stored.pm_exec_path ?? ""),
    mode: stored.exec_mode === "cluster_mode" ? "cluster" : "fork",
    stored,
  };
}

/** Neither up nor down: PM2 must not be told to stop or delete it, or an invisible worker stays that serves the port. */
export function isLaunching(worker: Worker): boolean {
  return worker.status === "launching" || worker.status === "stopping";
}
