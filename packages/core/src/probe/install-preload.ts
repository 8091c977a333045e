import { createHash } from "node:crypto";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FileSystem } from "../ports/file-system.ts";
import type { Layout } from "../release/layout.ts";

/**
 * Puts the preload script below the root, named by its content, and returns its path. One that is there is never
 * written again: live workers and PM2's dump name it. It outlives updates of the deployer and its removal.
 */
export async function installPreload(fs: FileSystem, paths: Layout): Promise<string> {
  const text = await preloadText(fs);
  const path = join(paths.preload, `${createHash("sha256").update(text).digest("hex")}.cjs`);
  // Workers may run as another user than the deployer: the folder can be walked through, the file can be read.
  await fs.makeDirectory(paths.preload, 0o711);
  if ((await fs.resolve(path)) === undefined) await fs.writeAtomic(path, text, 0o644);
  return path;
}

async function preloadText(fs: FileSystem): Promise<string> {
  const built = fileURLToPath(new URL("preload.cjs", import.meta.url));
  if ((await fs.resolve(built)) !== undefined) return fs.readText(built);
  // Only when run from the sources, as tests do.
  return stripTypeScriptTypes(await fs.readText(fileURLToPath(new URL("preload.cts", import.meta.url))));
}
