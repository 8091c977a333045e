import { join, relative } from "node:path";
import { type Context, entryFor, type FileInfo, linkAbove, plural, REHEARSAL, type ReleaseInfo } from "@deployer/core";
import { findNextBuild, type NextBuild } from "./next-build.ts";
import { filesBelow } from "./walk.ts";

/** How a release was before its trial. */
export interface Untried {
  readonly files: ReadonlyMap<string, FileInfo>;
  /** Where copies of the files lie that a running server may rewrite. */
  readonly backup: string;
}

const TOLD = 10;
const COMPILER_CACHES = ["turbopack", "webpack", "swc", "eslint"];
// Prerendered pages and their data: what Next.js writes anew while it runs. Code it never changes.
const PRERENDERED = /^server\/(app|pages)\/.*(?<!\.js|\.map|\.nft\.json)$/;

/** Notes down how the release is, and copies what a trial may rewrite. */
export async function lookBeforeTrial(ctx: Context, release: ReleaseInfo): Promise<Untried> {
  const build = await findNextBuild(ctx.fs, release);
  const backup = backupOf(ctx);
  await forgetTrial(ctx);
  await forgetPages(ctx, build);
  const files = await filesOf(ctx, release, build);
  for (const path of files.keys()) {
    const inDist = partInDist(build, path);
    if (inDist !== undefined && PRERENDERED.test(inDist))
      await ctx.fs.copy(join(release.appPath, path), join(backup, path));
  }
  return { files, backup };
}

/**
 * Takes out of the build output what the trial wrote there, and puts back what it changed: Next.js keeps the pages that it
 * served, and the first visitor would get the trial's data. What else was written into the release is told.
 */
export async function removeTraces(ctx: Context, release: ReleaseInfo, before: Untried): Promise<void> {
  const { fs } = ctx;
  const build = await findNextBuild(fs, release);
  const now = await filesOf(ctx, release, build);
  const removed: string[] = [];
  const restored: string[] = [];
  const changed: string[] = [];
  const elsewhere: string[] = [];
  for (const path of new Set([...before.files.keys(), ...now.keys()])) {
    const was = before.files.get(path);
    if (isSame(was, now.get(path))) continue;
    const place = join(release.appPath, path);
    if (partInDist(build, path) === undefined) elsewhere.push(path);
    else if ((await linkAbove(fs, release.path, place)) !== undefined) changed.push(path);
    else if (was === undefined) {
      await fs.remove(place);
      removed.push(path);
    } else if ((await fs.look(join(before.backup, path))) !== undefined) {
      await fs.remove(place);
      await fs.copy(join(before.backup, path), place);
      restored.push(path);
    } else changed.push(path);
  }
  await forgetPages(ctx, build);
  if (removed.length > 0) ctx.info(`Removed what the trial wrote into the build output: ${told(removed)}.`);
  if (restored.length > 0) ctx.info(`Put back what the trial changed in the build output: ${told(restored)}.`);
  if (changed.length > 0) ctx.warn(`The trial changed the build output, and it stays so: ${told(changed)}.`);
  if (elsewhere.length > 0) ctx.info(`The trial wrote into the release: ${told(elsewhere)}.`);
}

/** Drops the copies that were made before a trial, also those of a run that died. */
export function forgetTrial(ctx: Context): Promise<void> {
  return ctx.fs.remove(backupOf(ctx));
}

/** Pages and data that a running server kept: of a trial, or of the time when a release was served before. */
export async function forgetPages({ fs, run, config }: Context, build: NextBuild | undefined): Promise<void> {
  if (build === undefined) return;
  const dists = [build.dist, ...(build.standalone === undefined ? [] : [join(build.standalone.entry, build.distDir)])];
  const kept = ["server/route-cache", ...(run.kind === "rollback" ? ["cache/fetch-cache"] : [])];
  for (const dist of dists) {
    for (const name of kept) {
      const path = join(dist, name);
      // A shared compiler cache is a link that is known; through any other nothing is removed.
      const link = await linkAbove(fs, dist, path);
      const isShared =
        link !== undefined && entryFor(config.shared, join(build.distDir, relative(dist, link))) !== undefined;
      if (link === undefined || isShared) await fs.remove(path);
    }
  }
}

function backupOf({ paths }: Context): string {
  return join(paths.cache, "before-trial");
}

function filesOf(
  { fs }: Context,
  { appPath }: ReleaseInfo,
  build: NextBuild | undefined,
): Promise<Map<string, FileInfo>> {
  const caches = build === undefined ? [] : COMPILER_CACHES.map((name) => `${build.distDir}/cache/${name}`);
  return filesBelow(
    fs,
    appPath,
    (path) => path === REHEARSAL || /(^|\/)node_modules$/.test(path) || caches.includes(path),
  );
}

/** The path below the build output's folder, be it the standalone one; `undefined` for what lies elsewhere. */
function partInDist(build: NextBuild | undefined, path: string): string | undefined {
  if (build === undefined || !path.startsWith(`${build.distDir}/`)) return undefined;
  const [, inner] = path.slice(build.distDir.length).split(`/${build.distDir}/`);
  return inner ?? path.slice(build.distDir.length + 1);
}

function isSame(a: FileInfo | undefined, b: FileInfo | undefined): boolean {
  return a?.inode === b?.inode && a?.size === b?.size && a?.modifiedMs === b?.modifiedMs;
}

function told(paths: readonly string[]): string {
  const shown = paths.slice(0, TOLD).join(", ");
  return paths.length > TOLD ? `${shown} and ${plural(paths.length - TOLD, "other")}` : shown;
}
