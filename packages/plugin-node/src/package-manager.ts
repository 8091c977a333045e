import { dirname, join } from "node:path";
import type { FileSystem, ReleaseInfo } from "@deployer/core";
import { nodeError } from "./errors.ts";
import { readPackageJson } from "./package-json.ts";

export type ManagerName = "npm" | "pnpm" | "yarn" | "bun";

export interface Installation {
  readonly manager: ManagerName;
  /** Where the lockfile lies and the installation runs: the app's directory, or one above it in the release. */
  readonly directory: string;
  readonly lockfile: string;
  /** What package.json asks for, as "9.1.0". */
  readonly version: string | undefined;
  /** Yarn 2 and later. */
  readonly modernYarn: boolean;
}

const LOCKFILES: Readonly<Record<string, ManagerName>> = {
  "package-lock.json": "npm",
  "npm-shrinkwrap.json": "npm",
  "pnpm-lock.yaml": "pnpm",
  "yarn.lock": "yarn",
  "bun.lock": "bun",
  "bun.lockb": "bun",
};

/**
 * The package manager of the nearest lockfile, from the app's directory up to the release's top.
 * @throws ERR_LOCKFILE_AMBIGUOUS
 */
export async function findInstallation(fs: FileSystem, release: ReleaseInfo): Promise<Installation | undefined> {
  for (let directory = release.appPath; ; directory = dirname(directory)) {
    const found = (await fs.list(directory)).filter((name) => name in LOCKFILES);
    if (found.length > 0) return choose(fs, directory, found);
    if (directory === release.path) return undefined;
  }
}

async function choose(fs: FileSystem, directory: string, lockfiles: readonly string[]): Promise<Installation> {
  const asked = (await readPackageJson(fs, directory))?.packageManager?.split("+")[0]?.split("@");
  const managers = [...new Set(lockfiles.map((name) => LOCKFILES[name] as ManagerName))];
  const manager = managers.length === 1 ? managers[0] : managers.find((name) => name === asked?.[0]);
  if (manager === undefined) {
    throw nodeError("ERR_LOCKFILE_AMBIGUOUS", {
      message: `${directory} has ${lockfiles.join(" and ")}.`,
      hint: 'Remove the ones that are not used, or say which in package.json: "packageManager": "npm@11.0.0".',
      details: { lockfiles },
    });
  }
  return {
    manager,
    directory,
    lockfile: join(directory, lockfiles.find((name) => LOCKFILES[name] === manager) as string),
    version: asked?.[0] === manager ? asked[1] : undefined,
    modernYarn: manager === "yarn" && (await fs.resolve(join(directory, ".yarnrc.yml"))) !== undefined,
  };
}

/** A clean install of exactly what the lockfile says, devDependencies included: the build needs them. */
export function installCommand({ manager, modernYarn }: Installation): readonly string[] {
  switch (manager) {
    case "npm":
      return ["npm", "ci", "--include=dev", "--no-audit", "--no-fund"];
    case "pnpm":
      return ["pnpm", "install", "--frozen-lockfile", "--prod=false"];
    case "yarn":
      return modernYarn
        ? ["yarn", "install", "--immutable"]
        : ["yarn", "install", "--frozen-lockfile", "--production=false", "--non-interactive"];
    case "bun":
      return ["bun", "install", "--frozen-lockfile"];
  }
}
