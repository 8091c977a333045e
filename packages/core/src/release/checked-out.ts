import { join, relative } from "node:path";
import { coreError } from "../errors/catalog.ts";
import { childOf } from "./child.ts";
import { isInside } from "./inside.ts";
import { REHEARSAL, REVISION_FILE } from "./layout.ts";
import type { LinkSite } from "./links.ts";
import { linkAbove } from "./own-path.ts";

/**
 * Looks whether the app's folder is a real one of the release, and takes its own places in it: the file REVISION, and an
 * empty place for the stand-ins. Before anything else is written there: a repository may hold links.
 * @throws ERR_DIRECTORY_MISSING, ERR_FOREIGN_LINK, ERR_REVISION_FOLDER
 */
export async function takePlaces(site: LinkSite): Promise<void> {
  const { fs, release } = site;
  await refuseLinked(site);
  if ((await fs.look(release.appPath))?.kind !== "directory") {
    throw coreError("ERR_DIRECTORY_MISSING", {
      message: `The repository has no directory "${directoryOf(site)}" at ${release.revision.hash}.`,
      hint: "Correct `directory` in the config; it is relative to the repository's top.",
    });
  }
  // An app in a subdirectory looks for it in its own working directory.
  for (const folder of new Set([release.path, release.appPath])) await writeRevision(site, folder);
  if ((await fs.look(join(release.appPath, REHEARSAL))) === undefined) return;
  site.warn(`The repository has its own ${REHEARSAL}: it is dropped, because the deployer works there.`);
  await fs.remove(childOf(release.appPath, REHEARSAL));
}

async function refuseLinked(site: LinkSite): Promise<void> {
  const { fs, release } = site;
  const link = await linkAbove(fs, release.path, join(release.appPath, REVISION_FILE));
  if (link === undefined) return;
  const leadsTo = (await fs.resolve(release.appPath)) === undefined ? "" : await fs.realPath(release.appPath);
  const home = await fs.realPath(release.path);
  const isWithin = leadsTo !== home && isInside(leadsTo, home);
  throw coreError("ERR_FOREIGN_LINK", {
    message: `The \`directory\` "${directoryOf(site)}" leads through ${relative(release.path, link)}, which is a link in the repository.`,
    hint: isWithin
      ? `Name the folder itself in the config, directory: "${relative(home, leadsTo)}".`
      : "Remove the link from the repository, or correct `directory` in the config.",
    details: { path: release.appPath, link },
  });
}

async function writeRevision({ fs, release }: LinkSite, folder: string): Promise<void> {
  const path = join(folder, REVISION_FILE);
  if ((await fs.look(path))?.kind === "directory") {
    throw coreError("ERR_REVISION_FOLDER", {
      message: `The repository has a folder ${relative(release.path, path)}, where the release's commit hash is written.`,
      hint: "Give that folder another name in the repository.",
      details: { path },
    });
  }
  await fs.writeAtomic(path, `${release.revision.hash}\n`);
}

function directoryOf({ release }: LinkSite): string {
  return relative(release.path, release.appPath) || ".";
}
