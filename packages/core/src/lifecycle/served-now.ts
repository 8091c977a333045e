import type { FileSystem } from "../ports/file-system.ts";
import { currentId } from "../release/current-link.ts";
import type { Layout } from "../release/layout.ts";
import type { RunResult } from "./result.ts";

/** What `current` leads to, for a result. Says nothing when that cannot be told, as of a link that leads nowhere. */
export async function servedNow(fs: FileSystem, paths: Layout): Promise<Pick<RunResult, "served">> {
  try {
    const id = await currentId(fs, paths);
    if (id === undefined) return { served: null };
    return (await fs.resolve(paths.current))?.kind === "directory" ? { served: id } : {};
  } catch {
    return {};
  }
}
