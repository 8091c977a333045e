import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { isFullDisk } from "../errors/full-disk.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { childOf } from "./child.ts";
import type { Layout } from "./layout.ts";

const OWN_RIGHTS = 0o700;

/**
 * Takes what lies directly in a folder out of sight in one step. Deleting it takes longer and happens after the lock is
 * free; at once where a full disk has no room for the trash itself. Whatever is removed as a whole goes this way.
 */
export async function moveToTrash(fs: FileSystem, paths: Layout, folder: string, name: string): Promise<void> {
  const path = childOf(folder, name);
  if ((await fs.look(path)) === undefined) return;
  await regainRights(fs, path); // a directory that cannot be written cannot change its parent
  try {
    await fs.makeDirectory(paths.trash, 0o700);
    await fs.rename(path, join(paths.trash, `${name}-${randomUUID()}`));
  } catch (error) {
    if (!isFullDisk(error)) throw error;
    await fs.remove(path);
  }
}

/** Something in the trash that is there still, and why. */
export interface Undeletable {
  readonly path: string;
  readonly reason: string;
}

/**
 * Deletes what lies in the trash, also what an earlier run did not get to, and answers what cannot be deleted. The folder
 * itself stays: without the lock, another run may be about to move something into it.
 */
export async function emptyTrash(fs: FileSystem, paths: Layout): Promise<Undeletable[]> {
  if ((await fs.look(paths.trash)) === undefined) return [];
  const left: Undeletable[] = [];
  for (const name of await fs.list(paths.trash)) {
    const path = childOf(paths.trash, name);
    const reason = await erase(fs, path);
    if (reason !== undefined) left.push({ path, reason });
  }
  return left;
}

/** Deletes as much as can be, with the rights that a build may have taken from its folders; answers why not all of it. */
async function erase(fs: FileSystem, path: string): Promise<string | undefined> {
  const failure = await attempt(() => fs.remove(path));
  if (failure === undefined || (await fs.look(path))?.kind !== "directory") return failure;
  // In a folder of another user nothing can be done; a whole tree of his is not walked at each run.
  if ((await attempt(() => regainRights(fs, path))) !== undefined) return failure;
  let first: string | undefined;
  for (const name of await fs.list(path)) first = (await erase(fs, join(path, name))) ?? first;
  return first ?? attempt(() => fs.remove(path));
}

async function regainRights(fs: FileSystem, path: string): Promise<void> {
  const found = await fs.look(path);
  if (found?.kind !== "directory" || (found.mode & OWN_RIGHTS) === OWN_RIGHTS) return;
  await fs.setMode(path, found.mode | OWN_RIGHTS);
}

async function attempt(act: () => Promise<void>): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
