import { join, relative } from "node:path";
import { type FileSystem, ownPath, type ReleaseInfo } from "@deployer/core";

/** What `next build` left in a release. */
export interface NextBuild {
  /** `.next`, or what `distDir` says, relative to the app. */
  readonly distDir: string;
  /** Absolute path of it. */
  readonly dist: string;
  /** Of the output "standalone" only. */
  readonly standalone: Standalone | undefined;
}

export interface Standalone {
  /** `.next/standalone`: stands for the folder from which Next.js traced files. */
  readonly top: string;
  /** Where its server.js lies and runs. Not the top when Next.js traced from a folder above the app. */
  readonly entry: string;
  /** That folder: the app's directory, or one above it. */
  readonly tracedFrom: string;
}

const MANIFEST = "required-server-files.json";

/** The Next.js build of a release, or `undefined` when it has none. */
export async function findNextBuild(fs: FileSystem, { appPath }: ReleaseInfo): Promise<NextBuild | undefined> {
  for (const distDir of [".next", ...(await fs.list(appPath))]) {
    const dist = join(appPath, distDir);
    if (distDir === "node_modules" || (await fs.look(dist))?.kind !== "directory") continue;
    if ((await fs.resolve(join(dist, MANIFEST)))?.kind !== "file") continue;
    return { distDir, dist, standalone: await findStandalone(fs, appPath, dist) };
  }
  return undefined;
}

async function findStandalone(fs: FileSystem, appPath: string, dist: string): Promise<Standalone | undefined> {
  const top = join(dist, "standalone");
  if ((await fs.look(top))?.kind !== "directory") return undefined;
  const { relativeAppDir = "" } = JSON.parse(await fs.readText(join(dist, MANIFEST))) as { relativeAppDir?: string };
  const entry = join(top, relativeAppDir);
  // What the build says, and what it made: neither may lead to a server elsewhere.
  await ownPath(fs, dist, join(entry, "server.js"));
  if ((await fs.resolve(join(entry, "server.js"))) === undefined) return undefined;
  return { top, entry, tracedFrom: join(appPath, relative(relativeAppDir === "" ? "." : relativeAppDir, ".")) };
}
