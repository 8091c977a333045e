import { dirname, join, relative } from "node:path";
import { coreError } from "../errors/catalog.ts";
import { type LinkSite, linkShared } from "./links.ts";
import { ownPath } from "./own-path.ts";
import type { StandIn } from "./rehearsal.ts";
import type { SharedPath } from "./shared-path.ts";

/**
 * Puts an empty directory in the place of a shared one, for a build that refuses links which leave the release. Of a
 * stand-in, which lies inside, only the links beside the copies are taken out.
 */
export async function emptyShared(site: LinkSite, entry: SharedPath, standIn: StandIn | undefined): Promise<void> {
  if (entry.kind !== "directory") {
    throw coreError("ERR_SHARED_PATH", {
      message: `The shared path "${entry.path}" is a file: nothing empty can stand for it.`,
      hint: "Only a shared directory can be emptied for the time of the build.",
      details: { path: entry.path },
    });
  }
  if (standIn !== undefined) {
    for (const name of standIn.linked) await site.fs.remove(await own(site, join(standIn.path, name)));
    return;
  }
  const path = await own(site, join(site.release.appPath, entry.path));
  if ((await site.fs.look(path))?.kind === "directory") return;
  await site.fs.remove(path);
  await site.fs.makeDirectory(path);
}

/** The build may have put a link in the place of a folder. */
function own({ fs, release }: LinkSite, path: string): Promise<string> {
  return ownPath(fs, release.path, path);
}

/** Puts back what `emptyShared` took away; tells what the build wrote there meanwhile, which is dropped. */
export async function refillShared(site: LinkSite, entry: SharedPath, standIn: StandIn | undefined): Promise<void> {
  if (standIn === undefined) {
    const path = await own(site, join(site.release.appPath, entry.path));
    if ((await site.fs.look(path))?.kind === "directory") {
      const written = await site.fs.list(path);
      if (written.length > 0) {
        site.warn(`The build wrote into ${entry.path}, which was empty for it: ${written.join(", ")}. It is dropped.`);
      }
      await site.fs.remove(path);
    }
    await linkShared(site, entry, "shared");
    return;
  }
  for (const name of standIn.linked) {
    const link = await own(site, join(standIn.path, name));
    await site.fs.remove(link);
    await site.fs.link(relative(dirname(link), join(site.paths.shared, entry.path, name)), link);
  }
}
