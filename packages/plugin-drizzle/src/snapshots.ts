import { join } from "node:path";
import type { Context } from "@deployer/core";

const KEPT = 3;
const KEPT_JOURNALS = 20;

/** Where the snapshot of a database lies: names in a config may hold any character. */
export function snapshotPath(directory: string, name: string): string {
  return join(directory, `${encodeURIComponent(name)}.db`);
}

/** Keeps the newest snapshots and journals. Their names begin with the second of their run. */
export async function pruneSnapshots({ fs, paths }: Pick<Context, "fs" | "paths">): Promise<void> {
  const expired = async (folder: string, keep: number): Promise<string[]> =>
    (await fs.list(folder))
      .filter((name) => !name.startsWith("."))
      .sort()
      .slice(0, -keep);
  for (const name of await expired(paths.snapshots, KEPT)) await fs.remove(join(paths.snapshots, name));
  for (const name of await expired(paths.migrations, KEPT_JOURNALS)) await fs.remove(join(paths.migrations, name));
}
