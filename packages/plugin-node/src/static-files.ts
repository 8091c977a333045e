import { dirname, join } from "node:path";
import { type Context, plural, type ReleaseInfo } from "@deployer/core";
import { findNextBuild } from "./next-build.ts";
import { readPackageJson } from "./package-json.ts";
import { filesBelow } from "./walk.ts";

/** Files that a page asks for after it was loaded, and whose names change with their content. */
interface StaticFiles {
  readonly framework: "next" | "vite";
  /** Relative to the app. */
  readonly folder: string;
  readonly files: readonly string[];
}

/** A release that was served, and the static files that its own build made. */
interface Served extends StaticFiles {
  readonly release: string;
}

const OWN = "static";
const SERVED = "servedStatic";

/**
 * Adds the static files of the releases served before, so that a page opened before the switch still loads its chunks.
 * Before anything of the release starts: Next.js lists them at boot, and what comes later is not served. Each file comes
 * from the release that made it, and is added for `keep` releases.
 */
export async function addOldStaticFiles(ctx: Context, release: ReleaseInfo, keep: number): Promise<void> {
  const own = ctx.state.get<StaticFiles>(OWN, release.id) ?? (await findStaticFiles(ctx, release));
  if (own === undefined) return;
  ctx.state.set(OWN, own, release.id);
  const served = (ctx.state.get<Served[]>(SERVED) ?? []).filter(
    ({ framework, release: id }) => framework === own.framework && id !== release.id,
  );
  let added = 0;
  for (const old of served.slice(0, keep)) {
    for (const file of old.files) {
      const target = join(release.appPath, own.folder, file);
      if ((await ctx.fs.look(target)) !== undefined) continue;
      const source = await findSource(ctx, served, old.folder, file);
      if (source === undefined) continue;
      await ctx.fs.makeDirectory(dirname(target));
      await ctx.fs.copy(source, target);
      added += 1;
    }
  }
  if (added > 0)
    ctx.info(`Added ${plural(added, "static file")} of earlier releases to ${own.folder}, for pages that are open.`);
}

/** Once a release is served, its files are kept for the releases after it. */
export function rememberServed(ctx: Context, release: ReleaseInfo, keep: number): void {
  const own = ctx.state.get<StaticFiles>(OWN, release.id);
  const others = (ctx.state.get<Served[]>(SERVED) ?? []).filter(({ release: id }) => id !== release.id);
  const now = own === undefined ? [] : [{ ...own, release: release.id }];
  ctx.state.set(SERVED, [...now, ...others].slice(0, keep));
}

/** In the release that made it, or, where retention removed that one, in one that it was added to. */
async function findSource(
  { fs, paths, config }: Context,
  served: readonly Served[],
  folder: string,
  file: string,
): Promise<string | undefined> {
  for (const { release } of served) {
    const path = join(paths.releases, release, config.directory, folder, file);
    if ((await fs.look(path))?.kind === "file") return path;
  }
  return undefined;
}

async function findStaticFiles(ctx: Context, release: ReleaseInfo): Promise<StaticFiles | undefined> {
  const next = await findNextBuild(ctx.fs, release);
  if (next !== undefined) return list(ctx, release, "next", join(next.distDir, "static"));
  const pkg = await readPackageJson(ctx.fs, release.appPath);
  const hasVite = { ...pkg?.dependencies, ...pkg?.devDependencies }.vite !== undefined;
  return hasVite ? list(ctx, release, "vite", "dist/assets") : undefined;
}

async function list(
  { fs }: Context,
  release: ReleaseInfo,
  framework: StaticFiles["framework"],
  folder: string,
): Promise<StaticFiles | undefined> {
  const files = [...(await filesBelow(fs, join(release.appPath, folder))).keys()];
  return files.length === 0 ? undefined : { framework, folder, files };
}
