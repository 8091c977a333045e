import { join } from "node:path";
import { type Context, linkAbove, type ReleaseInfo } from "@deployer/core";
import { ownFiles } from "./early-files.ts";
import { addOldFiles, addServed, type StaticFiles } from "./served-files.ts";
import { findStaticFolder } from "./static-folders.ts";
import { filesBelow } from "./walk.ts";

export interface Keeping {
  /** For how many releases. */
  readonly keepStatic: number;
  /** What the config says, relative to the app. */
  readonly staticFolder?: string | undefined;
}

const OWN = "static";

/**
 * Adds the static files of the releases served before, so that a page opened before the switch still loads its chunks.
 * Before anything of the release starts: Next.js lists them at boot, and what comes later is not served.
 */
export async function addOldStaticFiles(
  ctx: Context,
  release: ReleaseInfo,
  { keepStatic, staticFolder }: Keeping,
): Promise<void> {
  const own = ctx.state.get<StaticFiles>(OWN, release.id) ?? (await findStaticFiles(ctx, release, staticFolder));
  if (own === undefined) return;
  ctx.state.set(OWN, own, release.id);
  await addOldFiles(ctx, release, own, keepStatic);
}

/** Once a release is served, its files are kept for the releases after it. */
export function rememberServed(ctx: Context, release: ReleaseInfo, keep: number): void {
  addServed(ctx, release, ctx.state.get<StaticFiles>(OWN, release.id), keep);
}

async function findStaticFiles(
  ctx: Context,
  release: ReleaseInfo,
  configured: string | undefined,
): Promise<StaticFiles | undefined> {
  const found = await findStaticFolder(ctx.fs, release, configured);
  if (found === undefined) return undefined;
  // A folder behind a link is not of this build.
  if ((await linkAbove(ctx.fs, release.path, join(release.appPath, found.folder, "file"))) !== undefined)
    return undefined;
  const all = [...(await filesBelow(ctx.fs, join(release.appPath, found.folder))).keys()];
  const files = await ownFiles(ctx, release, found, all);
  return files.length === 0 ? undefined : { ...found, files };
}
