import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { mustRun } from "./run-program.ts";
import { sitePrefix } from "./temp-folders.ts";

/** All packages as a user gets them: packed, and installed with their dependencies into an empty folder. */
export interface PackedInstall {
  /** The command's file. */
  readonly command: string;
  readonly folder: string;
  /** A PATH on which there are only the programs that a deployment needs. */
  readonly bareMachine: string;
  remove(): Promise<void>;
}

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

export async function packedInstall(): Promise<PackedInstall> {
  const folder = await mkdtemp(sitePrefix());
  try {
    const [tarballs, prefix, bin] = ["tarballs", "prefix", "bin"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [tarballs, prefix, bin]) await mkdir(path);
    await npm(REPOSITORY, "pack", "--workspaces", "--ignore-scripts", "--pack-destination", tarballs);
    const files = (await readdir(tarballs)).map((name) => join(tarballs, name));
    // better-sqlite3 brings its binaries along: no install script is needed, and no compiler.
    await npm(prefix, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", ...files);
    for (const program of ["cp", "git", "npm", "sh"]) await symlink(find(program), join(bin, program));
    return {
      command: join(prefix, "node_modules/.bin/deployer"),
      folder,
      bareMachine: bin,
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The machine's npm under the machine's Node, which knows the machine's settings of registry and certificates. */
function npm(cwd: string, ...args: string[]): Promise<string> {
  const env = Object.fromEntries(
    Object.entries({ ...process.env, PATH: machinePath().join(delimiter) }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  return mustRun("npm", args, { cwd, env });
}

function machinePath(): string[] {
  return (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => !folder.startsWith(join(REPOSITORY, "node_modules")));
}

function find(program: string): string {
  const found = machinePath()
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file));
  if (found === undefined) throw new Error(`${program} is not on PATH`);
  return found;
}
