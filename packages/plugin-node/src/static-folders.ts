import { join } from "node:path";
import type { FileSystem, ReleaseInfo } from "@deployer/core";
import { findNextBuild } from "./next-build.ts";
import { isDependency } from "./package-json.ts";

/** Where a framework puts the files whose names change with their content. */
export interface StaticFolder {
  readonly framework: string;
  /** Relative to the app. */
  readonly folder: string;
}

/** Folders that bear a name which no other tool gives. */
const NAMED: readonly StaticFolder[] = [
  { framework: "sveltekit", folder: "build/client/_app/immutable" },
  { framework: "sveltekit", folder: "build/_app/immutable" },
  { framework: "nuxt", folder: ".output/public/_nuxt" },
  { framework: "astro", folder: "dist/client/_astro" },
  { framework: "astro", folder: "dist/_astro" },
];

/** Folders that could be anything's, and the dependencies that make them what they are. */
const COMMON: readonly (StaticFolder & { readonly of: readonly string[] })[] = [
  { framework: "react-router", folder: "build/client/assets", of: ["@react-router/dev", "@remix-run/dev"] },
  { framework: "vite", folder: "dist/assets", of: ["vite"] },
];

/** What the config names, or where the build of a release left its static files; `undefined` when nothing is known. */
export async function findStaticFolder(
  fs: FileSystem,
  release: ReleaseInfo,
  configured: string | undefined,
): Promise<StaticFolder | undefined> {
  if (configured !== undefined) return { framework: configured, folder: configured };
  const next = await findNextBuild(fs, release);
  if (next !== undefined) return { framework: "next", folder: join(next.distDir, "static") };
  const isThere = async ({ folder }: StaticFolder): Promise<boolean> =>
    (await fs.resolve(join(release.appPath, folder)))?.kind === "directory";
  for (const candidate of NAMED) if (await isThere(candidate)) return candidate;
  for (const { of, ...candidate } of COMMON) {
    if (!(await isThere(candidate))) continue;
    for (const name of of) if (await isDependency(fs, release, name)) return candidate;
  }
  return undefined;
}
