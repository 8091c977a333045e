import { dirname, join } from "node:path";
import { type Context, linkAbove, plural, type ReleaseInfo } from "@deployer/core";
import type { StaticFolder } from "./static-folders.ts";

/** Files that a page asks for after it was loaded, and whose names change with their content. */
export interface StaticFiles extends StaticFolder {
  readonly files: readonly string[];
}

/** A release that was served, and the static files that its own build made. */
interface Served extends StaticFiles {
  readonly release: string;
}

const SERVED = "servedStatic";

/** Once a release is served, its files are kept for the releases after it. */
export function addServed(ctx: Context, release: ReleaseInfo, own: StaticFiles | undefined, keep: number): void {
  const others = servedOf(ctx).filter(({ release: id }) => id !== release.id);
  const now = own === undefined ? [] : [{ ...own, release: release.id }];
  ctx.state.set(SERVED, [...now, ...others].slice(0, keep));
}

/**
 * Copies the files of the releases served before with the same framework into a folder of this one; answers which were
 * not there. Each file comes from the release that made it, and is added for as many releases as are kept.
 */
export async function addOldFiles(
  ctx: Context,
  release: ReleaseInfo,
  { framework, folder }: StaticFolder,
  keep: number,
): Promise<string[]> {
  const served = servedOf(ctx).filter((old) => old.framework === framework && old.release !== release.id);
  // Through a link of the repository, or that of a shared path, they would come to lie in live data.
  const link = await linkAbove(ctx.fs, release.path, join(release.appPath, folder, "any"));
  if (link !== undefined) {
    ctx.warn(`${folder} leads through the link ${link}, so no static files of earlier releases are kept there.`);
    return [];
  }
  const added: string[] = [];
  for (const old of served.slice(0, keep)) {
    for (const file of old.files) {
      const target = join(release.appPath, folder, file);
      if ((await ctx.fs.look(target)) !== undefined) continue;
      if ((await linkAbove(ctx.fs, release.path, target)) !== undefined) continue;
      const source = await findSource(ctx, served, old.folder, file);
      if (source === undefined) continue;
      await ctx.fs.makeDirectory(dirname(target));
      await ctx.fs.copy(source, target);
      added.push(file);
    }
  }
  if (added.length > 0)
    ctx.info(`Added ${plural(added.length, "static file")} of earlier releases to ${folder}, for pages that are open.`);
  return added;
}

function servedOf(ctx: Context): readonly Served[] {
  return ctx.state.get<Served[]>(SERVED) ?? [];
}

/** In the release that made it, or, where retention removed that one, in one that it was added to. */
async function findSource(
  { fs, paths, config }: Context,
  served: readonly Served[],
  folder: string,
  file: string,
): Promise<string | undefined> {
  for (const { release } of served) {
    const home = join(paths.releases, release);
    const path = join(home, config.directory, folder, file);
    if ((await fs.look(path))?.kind === "file" && (await linkAbove(fs, home, path)) === undefined) return path;
  }
  return undefined;
}
