import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";

/** What a run may have left below a root: equal before and after means that nothing half-made is there. */
export interface Footprint {
  readonly current: string | null;
  readonly releases: readonly string[];
  /** Whatever lies below `.deployer` and is not one of its lasting files. */
  readonly leftovers: readonly string[];
}

const LASTING = new Set(
  [
    ["state.db", "state.db-wal", "state.db-shm", "releases.json", "lock.db", "lock.db-journal"],
    ["repository.git", "cache", "logs", "preload", "sockets", "trash", "failed", "migrations", "snapshots"],
  ].flat(),
);

export async function footprintOf(root: string): Promise<Footprint> {
  const state = await list(join(root, ".deployer"));
  const inside = async (folder: string): Promise<string[]> =>
    (await list(join(root, ".deployer", folder))).map((name) => `${folder}/${name}`);
  return {
    current: await currentOf(root),
    releases: await list(join(root, "releases")),
    leftovers: [
      ...state.filter((name) => !LASTING.has(name)),
      ...(await inside("trash")),
      ...(await inside("failed")),
      // Those of workers stay as long as they serve; a candidate's goes with it.
      ...(await inside("sockets")).filter((name) => name.startsWith("sockets/g-")),
    ],
  };
}

async function currentOf(root: string): Promise<string | null> {
  const path = join(root, "current");
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return null;
  return found.isSymbolicLink() ? readlink(path) : "not a link";
}

async function list(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}
