import { basename } from "node:path";
import Database from "better-sqlite3";
import type { AppConfig } from "../plugin/contexts.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { Layout } from "../release/layout.ts";
import { adopt, findReleases } from "./adoption.ts";
import { RunStore } from "./run-store.ts";

export interface OpenedStore {
  readonly store: RunStore;
  /** What became of the one before, when a new one had to be made from what is on disk. */
  readonly rebuilt?: string;
}

/**
 * Opens the run store. One that is lost, empty or damaged is made anew from the releases on disk; a damaged one is set
 * aside under a name that says so. History, holds and what plugins had noted are lost with the old one.
 */
export async function openStore(paths: Layout, config: AppConfig, fs: FileSystem, now: number): Promise<OpenedStore> {
  const owner = { app: config.app, environment: config.environment };
  let setAside: string | undefined;
  try {
    const store = RunStore.openExisting(paths.store, owner);
    if (store !== undefined) return { store };
  } catch (error) {
    if (!isDamage(error)) throw error;
    setAside = `${paths.store}.damaged-${now}`;
  }
  for (const suffix of setAside === undefined ? [] : ["", "-wal", "-shm"]) {
    if (await fs.look(`${paths.store}${suffix}`)) await fs.rename(`${paths.store}${suffix}`, `${setAside}${suffix}`);
  }
  const found = await findReleases(fs, paths, config);
  const store = RunStore.open(paths.store, owner, (made) => adopt(made, found, now));
  if (setAside === undefined && found.releases.length + found.failed.length === 0) return { store };
  const what = setAside === undefined ? "was lost" : `was damaged. It was set aside as ${basename(setAside)}`;
  return { store, rebuilt: `The run store ${what}; a new one was made from the releases on disk.` };
}

function isDamage(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(NOTADB|CORRUPT)/.test(error.code);
}
