import type { Change } from "./change.ts";
import type { Pm2App } from "./pm2-app.ts";
import type { Worker } from "./worker.ts";

/** What is needed of PM2. */
export interface ProcessManager {
  /** Every process of the daemon, ours or not; empty when no daemon runs. */
  list(): Promise<Worker[]>;
  /** Starts an app that PM2 does not know. Resolves when PM2 has launched all its workers, well or not. */
  start(app: Pm2App): Promise<void>;
  /** Reloads one worker. Resolves when the old one is gone, which says nothing about the new one. */
  reload(worker: Worker, change: Change): Promise<void>;
  /** Starts a worker again that is down. Resolves when it is ready or will never be. */
  restart(worker: Worker, change: Change): Promise<void>;
  /** Starts one more worker, defined as this one is. Resolves when it is ready or will never be. */
  duplicate(id: number): Promise<void>;
  /** Starts one worker from a whole record of PM2's, whatever runs under its name already. Resolves like `duplicate`. */
  prepare(record: object): Promise<void>;
  /** Never while it is launching. */
  delete(id: number): Promise<void>;
  /** Makes PM2 remember its list for the next boot. */
  save(): Promise<void>;
  /** How many workers PM2 has parked: old ones in the middle of a reload, which no list shows. */
  parked(): Promise<number>;
  /** Whether the daemon answers. */
  isRunning(): Promise<boolean>;
  /** The daemon's pid. */
  daemonPid(): Promise<number | undefined>;
}
