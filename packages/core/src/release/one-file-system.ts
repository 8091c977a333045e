import { randomUUID } from "node:crypto";
import { basename, join } from "node:path";
import type { FileSystem } from "../ports/file-system.ts";
import type { Layout } from "./layout.ts";

/**
 * The folders into which a rename from `.deployer` is refused, because they lie on another file system. Tried, not
 * compared: a bind mount of the same disk refuses it, too.
 */
export async function otherFileSystems(fs: FileSystem, paths: Layout): Promise<string[]> {
  const others: string[] = [];
  for (const folder of [paths.releases, paths.root]) {
    const made = join(paths.state, `.rename-${randomUUID()}`);
    const moved = join(folder, basename(made));
    try {
      await fs.createDirectory(made);
      await fs.rename(made, moved);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
      others.push(folder);
    } finally {
      for (const path of [made, moved]) await fs.remove(path);
    }
  }
  return others;
}
