import { randomUUID } from "node:crypto";
import { basename, join } from "node:path";
import { isFullDisk } from "../errors/full-disk.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { Layout } from "./layout.ts";

/**
 * Takes a directory out of sight in one step. Deleting it takes longer and happens after the lock is free; at once where
 * a full disk has no room for the trash itself.
 */
export async function moveToTrash(fs: FileSystem, paths: Layout, path: string): Promise<void> {
  if ((await fs.look(path)) === undefined) return;
  try {
    await fs.makeDirectory(paths.trash, 0o700);
    await fs.rename(path, join(paths.trash, `${basename(path)}-${randomUUID()}`));
  } catch (error) {
    if (!isFullDisk(error)) throw error;
    await fs.remove(path);
  }
}

/**
 * Deletes what lies in the trash, also what an earlier run did not get to. The folder itself stays: without the lock,
 * another run may be about to move something into it.
 */
export async function emptyTrash(fs: FileSystem, paths: Layout): Promise<void> {
  if ((await fs.look(paths.trash)) === undefined) return;
  for (const name of await fs.list(paths.trash)) await fs.remove(join(paths.trash, name));
}
