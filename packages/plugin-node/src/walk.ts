import { join } from "node:path";
import type { FileInfo, FileSystem } from "@deployer/core";

/** The plain files below a folder by relative path; links are not followed, and `skip` leaves whole folders out. */
export async function filesBelow(
  fs: FileSystem,
  folder: string,
  skip: (path: string) => boolean = () => false,
): Promise<Map<string, FileInfo>> {
  const files = new Map<string, FileInfo>();
  const visit = async (below: string): Promise<void> => {
    const names = await fs.list(join(folder, below)).catch(absent);
    await Promise.all(
      names.map(async (name) => {
        const path = join(below, name);
        const found = await fs.look(join(folder, path));
        if (found?.kind === "file") files.set(path, found);
        if (found?.kind === "directory" && !skip(path)) await visit(path);
      }),
    );
  };
  await visit("");
  return files;
}

// What is gone by the time it is listed.
function absent(error: NodeJS.ErrnoException): string[] {
  if (error.code === "ENOENT") return [];
  throw error;
}
