import { join } from "node:path";
import type { BuildContext, Context, FileSystem, ReleaseInfo } from "@deployer/core";
import { isDependency } from "./package-json.ts";
import { addOldFiles } from "./served-files.ts";
import type { StaticFolder } from "./static-folders.ts";
import { filesBelow } from "./walk.ts";

/** A framework whose server knows only the files that its build put into the output, and answers 404 for the rest. */
interface Early {
  readonly framework: string;
  readonly dependency: string;
  /** From where its build copies what is found as it is. */
  readonly folder: string;
  /** What the build itself made, by the paths in the output. */
  made(fs: FileSystem, appPath: string): Promise<ReadonlySet<string>>;
}

const EARLY: readonly Early[] = [
  { framework: "nuxt", dependency: "nuxt", folder: "public/_nuxt", made: madeByNuxt },
  { framework: "sveltekit", dependency: "@sveltejs/kit", folder: "static/_app/immutable", made: madeBySvelteKit },
];
const ADDED = "addedEarly";

/** The static files of earlier releases, put where the build of this one takes them along. */
export async function addBeforeBuild(ctx: BuildContext, keep: number): Promise<void> {
  for (const { framework, dependency, folder } of EARLY) {
    if (!(await isDependency(ctx.fs, ctx.release, dependency))) continue;
    ctx.state.set(ADDED, await addOldFiles(ctx, ctx.release, { framework, folder }, keep), ctx.release.id);
  }
}

/** Those of the files in the output that are this build's own. */
export async function ownFiles(
  { fs, state }: Context,
  { id, appPath }: ReleaseInfo,
  { framework }: StaticFolder,
  all: readonly string[],
): Promise<readonly string[]> {
  const early = EARLY.find((candidate) => candidate.framework === framework);
  if (early === undefined) return all;
  const added = new Set(state.get<string[]>(ADDED, id));
  const made = await early.made(fs, appPath);
  return all.filter((file) => file !== NUXT_NEWEST && (made.has(file) || !added.has(file)));
}

/** Names the newest build, and is the only file there whose name stays the same. */
const NUXT_NEWEST = "builds/latest.json";

async function madeByNuxt(fs: FileSystem, appPath: string): Promise<ReadonlySet<string>> {
  return new Set((await filesBelow(fs, join(appPath, ".nuxt/dist/client/_nuxt"))).keys());
}

async function madeBySvelteKit(fs: FileSystem, appPath: string): Promise<ReadonlySet<string>> {
  const path = join(appPath, ".svelte-kit/output/client/.vite/manifest.json");
  if ((await fs.resolve(path)) === undefined) return new Set();
  const manifest = JSON.parse(await fs.readText(path)) as Record<string, ViteChunk>;
  const files = Object.values(manifest).flatMap(({ file, css = [], assets = [] }) => [file, ...css, ...assets]);
  return new Set(files.map((file) => file.replace(/^_app\/immutable\//, "")));
}

interface ViteChunk {
  readonly file: string;
  readonly css?: readonly string[];
  readonly assets?: readonly string[];
}
