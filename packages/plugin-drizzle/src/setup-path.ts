import { join } from "node:path";
import { containedPath, type FileSystem, type ReleaseInfo } from "@deployer/core";
import type { DrizzleOptions } from "./options.ts";

/** Where a release has its setup module. @throws ERR_FOREIGN_LINK when a link leads out of the release */
export async function setupPath(
  { setup }: Pick<DrizzleOptions, "setup">,
  { path, appPath }: ReleaseInfo,
  fs: FileSystem,
): Promise<string | null> {
  return setup === undefined ? null : containedPath(fs, path, join(appPath, setup));
}
