import { dirname, join, relative } from "node:path";
import { type BuildContext, isInside, linkAbove, REHEARSAL, REVISION_FILE } from "@deployer/core";
import type { NextBuild, Standalone } from "./next-build.ts";

const DATABASE = /\.(db|db3|sqlite|sqlite3)$/;
const COMPANION = /-(wal|shm|journal)$/;

/**
 * Makes a standalone build see what its release sees. Next.js copies what it traced (databases, `.env`, whatever stands at
 * a shared path) into `.next/standalone`, and leaves `public` and the static files out: a server started there is healthy
 * and writes to a private copy. Here the copies go out, and links come in, all of them through the release's own paths, so
 * that what is swapped there is swapped for this server, too.
 */
export async function repairStandalone(ctx: BuildContext, build: NextBuild): Promise<void> {
  if (build.standalone === undefined) return;
  const { entry } = build.standalone;
  const { fs, release } = ctx;
  const removed = await removeCopies(ctx, build.standalone);
  const wanted = [
    ["public", join(release.appPath, "public")],
    [join(build.distDir, "static"), join(build.dist, "static")],
    [REVISION_FILE, join(release.path, REVISION_FILE)],
    ...ctx.links.shared.map(({ path }) => [path, join(release.appPath, path)] as const),
  ] as const;
  const linked: string[] = [];
  for (const [name, target] of wanted) {
    // `public/uploads` is there already when `public` is a link.
    if ((await fs.look(target)) === undefined || (await linkAbove(fs, entry, join(entry, name))) !== undefined)
      continue;
    await replaceByLink(ctx, join(entry, name), target);
    linked.push(name);
  }
  const links = await linkDatabases(ctx, build.standalone);
  if (removed.length > 0) ctx.info(`Standalone build: took out the copies of ${removed.join(", ")}.`);
  ctx.info(`Standalone build: linked ${[...linked, ...links].join(", ")}.`);
}

/** Copies of what is shared, whatever folder Next.js traced from; answers what there was, as the release names it. */
async function removeCopies(ctx: BuildContext, { top, entry, tracedFrom }: Standalone): Promise<string[]> {
  const { fs, paths } = ctx;
  const outside = [paths.shared, paths.state].filter((path) => isInside(path, tracedFrom));
  const places = [
    join(entry, REHEARSAL),
    ...outside.map((path) => join(top, relative(tracedFrom, path))),
    ...ctx.links.shared.map(({ path }) => join(entry, path)),
  ];
  const removed: string[] = [];
  for (const place of places) {
    const found = await fs.look(place);
    // Through a link it is no copy, but whatever the link leads to.
    if (found === undefined || (await linkAbove(fs, top, place)) !== undefined) continue;
    if (found.kind !== "link") removed.push(isInside(place, entry) ? relative(entry, place) : relative(top, place));
    await fs.remove(place);
  }
  return removed;
}

async function replaceByLink({ fs }: BuildContext, path: string, target: string): Promise<void> {
  await fs.makeDirectory(dirname(path));
  await fs.remove(path);
  await fs.link(relative(dirname(path), target), path);
}

/** A database of the revision itself: one file for all that runs from this release, not a second one. */
async function linkDatabases(ctx: BuildContext, { top, tracedFrom }: Standalone): Promise<string[]> {
  const { fs } = ctx;
  const links: string[] = [];
  const visit = async (below: string): Promise<void> => {
    for (const name of await fs.list(join(top, below))) {
      const at = join(below, name);
      const found = await fs.look(join(top, at));
      if (found?.kind === "directory" && name !== "node_modules") await visit(at);
      if (found?.kind !== "file") continue;
      if (COMPANION.test(name) && DATABASE.test(name.replace(COMPANION, ""))) await fs.remove(join(top, at));
      if (!DATABASE.test(name)) continue;
      const own = join(tracedFrom, at);
      if ((await fs.look(own))?.kind === "file") {
        await replaceByLink(ctx, join(top, at), own);
        links.push(at);
      } else await fs.remove(join(top, at));
    }
  };
  await visit("");
  return links;
}
