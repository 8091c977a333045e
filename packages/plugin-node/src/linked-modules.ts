import { join, relative } from "node:path";
import type { BuildContext } from "@deployer/core";

const MODULES = "node_modules";

/**
 * Removes links named node_modules from a checkout: the package managers empty what stands there before they install, and
 * would empty the folder that the link leads to.
 */
export async function removeLinkedModules({ fs, warn }: BuildContext, directory: string): Promise<void> {
  const removed: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const name of await fs.list(folder)) {
      const path = join(folder, name);
      const kind = (await fs.look(path))?.kind;
      if (kind === "link" && name === MODULES) {
        await fs.remove(path);
        removed.push(relative(directory, path));
      } else if (kind === "directory" && name !== MODULES) await visit(path);
    }
  };
  await visit(directory);
  if (removed.length > 0)
    warn(
      `The repository has links named ${MODULES} (${removed.sort().join(", ")}): they gave way to what is installed.`,
    );
}
