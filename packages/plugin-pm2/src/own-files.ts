import { join, relative } from "node:path";
import { containedPath, entryFor, type GateContext } from "@deployer/core";

/**
 * What a release is started from lies in it, or at a path that the config shares: a link of the repository could lead to
 * what visitors have uploaded.
 * @throws ERR_FOREIGN_LINK
 */
export async function refuseForeign({ fs, release, config }: GateContext, ...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const place = join(release.appPath, path);
    if (entryFor(config.shared, relative(release.appPath, place)) === undefined)
      await containedPath(fs, release.path, place);
  }
}
