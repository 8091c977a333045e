import { dirname, join } from "node:path";
import type { FileSystem, ReleaseInfo } from "@deployer/core";
import { nodeError } from "./errors.ts";

/** What of a package.json matters here. */
export interface PackageJson {
  readonly packageManager?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly workspaces?: unknown;
  readonly engines?: { readonly node?: string };
}

/** `undefined` when there is none. @throws ERR_PACKAGE_JSON */
export async function readPackageJson(fs: FileSystem, directory: string): Promise<PackageJson | undefined> {
  const path = join(directory, "package.json");
  if ((await fs.resolve(path)) === undefined) return undefined;
  try {
    return JSON.parse(await fs.readText(path)) as PackageJson;
  } catch (error) {
    throw nodeError("ERR_PACKAGE_JSON", {
      message: `${path}: ${(error as Error).message}`,
      hint: "Mend the file and push.",
      cause: error,
    });
  }
}

/** The app's directory and those above it in the release: a monorepo says at its top what its apps need. */
export function foldersOf(release: ReleaseInfo): string[] {
  const folders = [release.appPath];
  while (folders.at(-1) !== release.path) folders.push(dirname(folders.at(-1) as string));
  return folders;
}

/** Whether the app, or the repository around it, depends on a package. */
export async function isDependency(fs: FileSystem, release: ReleaseInfo, name: string): Promise<boolean> {
  for (const folder of foldersOf(release)) {
    const pkg = await readPackageJson(fs, folder);
    if ({ ...pkg?.dependencies, ...pkg?.devDependencies }[name] !== undefined) return true;
  }
  return false;
}

export function hasDependencies(pkg: PackageJson): boolean {
  const named = [pkg.dependencies, pkg.devDependencies, pkg.optionalDependencies].flatMap((list) =>
    Object.keys(list ?? {}),
  );
  return named.length > 0 || pkg.workspaces !== undefined;
}
