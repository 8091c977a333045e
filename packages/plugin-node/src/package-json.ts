import { join } from "node:path";
import type { FileSystem } from "@deployer/core";
import { nodeError } from "./errors.ts";

/** What of a package.json matters here. */
export interface PackageJson {
  readonly packageManager?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly workspaces?: unknown;
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

export function hasDependencies(pkg: PackageJson): boolean {
  const named = [pkg.dependencies, pkg.devDependencies, pkg.optionalDependencies].flatMap((list) =>
    Object.keys(list ?? {}),
  );
  return named.length > 0 || pkg.workspaces !== undefined;
}
