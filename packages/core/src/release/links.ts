import { dirname, join, relative } from "node:path";
import { coreError } from "../errors/catalog.ts";
import type { ReleaseInfo } from "../lifecycle/release.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { replaceLink } from "./current-link.ts";
import { type Layout, REHEARSAL } from "./layout.ts";
import { containedPath, ownPath } from "./own-path.ts";
import type { SharedPath } from "./shared-path.ts";

/** Where shared paths are linked: one release, and what is told about it. */
export interface LinkSite {
  readonly fs: FileSystem;
  readonly paths: Layout;
  readonly release: ReleaseInfo;
  readonly warn: (text: string) => void;
}

/**
 * Makes sure that the targets exist: directories are created (seeded when asked), files are never.
 * A dangling link would stop both of Next.js's bundlers.
 * @throws ERR_SHARED_MISSING naming every file that is not there
 */
export async function prepareTargets(site: LinkSite, entries: readonly SharedPath[]): Promise<void> {
  for (const entry of entries) {
    const target = join(site.paths.shared, entry.path);
    if ((await site.fs.resolve(target)) !== undefined) continue;
    const own = join(site.release.appPath, entry.path);
    if (entry.seed && (await site.fs.look(own)) !== undefined) {
      const source = await containedPath(site.fs, site.release.path, own);
      await site.fs.makeDirectory(dirname(target));
      await site.fs.copy(source, target);
    } else if (entry.kind === "directory") {
      await site.fs.makeDirectory(target);
    }
  }
  const missing = await missingFiles(site.fs, site.paths, entries);
  if (missing.length > 0) throw sharedMissing(missing);
}

/** The shared files that must be there and are not. */
export async function missingFiles(fs: FileSystem, paths: Layout, entries: readonly SharedPath[]): Promise<string[]> {
  const missing: string[] = [];
  for (const entry of entries) {
    if (entry.kind !== "file" || entry.mayBeMissing || entry.seed || (entry.substitutes?.length ?? 0) > 0) continue;
    const path = join(paths.shared, entry.path);
    if ((await fs.resolve(path)) === undefined) missing.push(path);
  }
  return missing;
}

function sharedMissing(missing: readonly string[]): ReturnType<typeof coreError> {
  return coreError("ERR_SHARED_MISSING", {
    message: `Shared ${missing.length === 1 ? "file is" : "files are"} missing: ${missing.join(", ")}.`,
    hint: "Create it on this machine, or mark it in the config: { path, mayBeMissing: true }.",
    details: { missing },
  });
}

/** Links one shared path into the release; to `shared/`, or to its stand-in in the release while that is there. */
export async function linkShared(site: LinkSite, entry: SharedPath, where: "shared" | "rehearsal"): Promise<void> {
  const { fs, release, paths } = site;
  const path = join(release.appPath, entry.path);
  const target = where === "shared" ? join(paths.shared, entry.path) : join(release.appPath, REHEARSAL, entry.path);
  // A database that the migrate stage will create is linked all the same.
  const isExpected = !entry.mayBeMissing || (entry.substitutes?.length ?? 0) > 0;
  if (where === "shared" && !isExpected && (await fs.resolve(target)) === undefined) return;
  await fs.makeDirectory(dirname(await ownPath(fs, release.path, path)));
  await giveWay(site, entry, path);
  await replaceLink(fs, relative(dirname(path), target), path, paths.state);
}

/** What a checkout has at a shared path gives way to the link; that is told when it held files. */
async function giveWay(site: LinkSite, entry: SharedPath, path: string): Promise<void> {
  const found = await site.fs.look(path);
  if (found === undefined || found.kind === "link") return;
  const held = found.kind === "directory" ? (await site.fs.list(path)).filter((name) => name !== ".gitkeep").length : 1;
  if (held > 0) site.warn(`The repository has its own ${entry.path}: it gave way to the shared one.`);
  await site.fs.remove(path);
}

/**
 * Every shared path must still lead to `shared/`, by device and inode. A build that copies over a link would otherwise
 * put a release into service that keeps its data to itself.
 * @throws ERR_LINK_CHANGED
 */
export async function verifyLinks(
  fs: FileSystem,
  paths: Layout,
  release: ReleaseInfo,
  entries: readonly SharedPath[],
): Promise<void> {
  for (const entry of entries) {
    const path = join(release.appPath, entry.path);
    const target = await fs.resolve(join(paths.shared, entry.path));
    if (target === undefined && entry.mayBeMissing) continue;
    const found = await fs.resolve(path);
    const isLink = (await fs.look(path))?.kind === "link";
    // A database that only the migrate stage creates may be missing at both ends.
    if (target === undefined && isLink) continue;
    if (isLink && found?.device === target?.device && found?.inode === target?.inode) continue;
    throw coreError("ERR_LINK_CHANGED", {
      message: `${path} no longer leads to ${join(paths.shared, entry.path)}.`,
      hint: "Something in the build or the trial replaced the link. Look for a step that writes, copies or cleans there.",
      details: { path },
    });
  }
}
