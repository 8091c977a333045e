import { basename } from "node:path";
import type { FileSystem } from "../ports/file-system.ts";
import { childOf } from "./child.ts";
import type { Layout } from "./layout.ts";
import { moveToTrash } from "./trash.ts";

const UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";

/**
 * Takes away what a killed run left under names of its own: links and files that it did not get to put in place, indexes
 * and half-fetched mirrors of git, the clone of a release. Only under the lock, and when every dead run is settled: a run
 * at work has its own, and so may a process of a dead one.
 */
export async function sweepLeftovers(fs: FileSystem, paths: Layout): Promise<void> {
  const temporary = new RegExp(`^\\..+\\.${UUID}$`);
  const mirror = new RegExp(`^${basename(paths.mirror).replaceAll(".", "\\.")}\\.${UUID}$`);
  for (const name of await fs.list(paths.state)) {
    // A mirror may be large: it is deleted when the lock is free.
    if (mirror.test(name)) await moveToTrash(fs, paths, paths.state, name);
    else if (/^(link|index)-/.test(name) || name === ".writable" || temporary.test(name))
      await fs.remove(childOf(paths.state, name));
  }
  for (const folder of [paths.preload, paths.migrations]) {
    for (const name of await fs.list(folder))
      if (temporary.test(name) || /^\..+\.new$/.test(name)) await fs.remove(childOf(folder, name));
  }
  await fs.remove(paths.rehearsal);
}
