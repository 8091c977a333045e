import { basename, join } from "node:path";
import Database from "better-sqlite3";
import type { AppConfig } from "../plugin/contexts.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { type Layout, REVISION_FILE } from "../release/layout.ts";
import { RunStore } from "./run-store.ts";

export interface OpenedStore {
  readonly store: RunStore;
  /** Where a damaged store was set aside, when that had to be done. */
  readonly setAside?: string;
}

/**
 * Opens the run store. A damaged one is set aside under a name that says so, and a new one is made from the releases on
 * disk, their REVISION files and `current`. History, holds and what plugins had noted are lost with the old one.
 */
export async function openStore(paths: Layout, config: AppConfig, fs: FileSystem, now: number): Promise<OpenedStore> {
  const owner = { app: config.app, environment: config.environment };
  try {
    return { store: RunStore.open(paths.store, owner) };
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  const setAside = `${paths.store}.damaged-${now}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (await fs.look(`${paths.store}${suffix}`)) await fs.rename(`${paths.store}${suffix}`, `${setAside}${suffix}`);
  }
  const store = RunStore.open(paths.store, owner);
  await adoptReleases(store, paths, fs, now);
  return { store, setAside };
}

async function adoptReleases(store: RunStore, paths: Layout, fs: FileSystem, now: number): Promise<void> {
  const current =
    (await fs.look(paths.current))?.kind === "link" ? basename(await fs.readLink(paths.current)) : undefined;
  // By name, which begins with the second of its making: the only order that is left.
  for (const id of (await fs.list(paths.releases)).sort()) {
    const file = join(paths.releases, id, REVISION_FILE);
    if ((await fs.look(file))?.kind !== "file") continue;
    const hash = (await fs.readText(file)).trim();
    store.adoptRelease(id, { hash, ref: "", remote: "" }, id === current, now);
    // Which ref was watched is lost, too: the empty name stands for any, until the next decision.
    if (id === current)
      store.decide("", { hash, verdict: "deployed", code: null, reason: null, run: null, config: null, at: now });
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(NOTADB|CORRUPT)/.test(error.code);
}
