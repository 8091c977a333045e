import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { blocksOf } from "./documentation.ts";
import { mustRun } from "./run-program.ts";
import { sitePrefix } from "./temp-folders.ts";

/** All packages as a stranger gets them: packed and installed by the lines of the README, under a prefix of their own. */
export interface PackedInstall {
  /** The folder of the commands `deployer` and `pm2`. */
  readonly bin: string;
  readonly modules: string;
  readonly tarballs: readonly string[];
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
    for (const path of [prefix, bin]) await mkdir(path);
    const [pack, install] = (await blocksOf("README.md", "sh")).filter((block) => block.includes("/tmp/deployer"));
    for (const lines of [pack, install]) {
      if (lines === undefined) throw new Error("README.md does not say how to pack and install");
      const env = { ...machine(), npm_config_prefix: prefix };
      await mustRun("/bin/sh", ["-ec", lines.replaceAll("/tmp/deployer", tarballs)], { cwd: REPOSITORY, env });
    }
    for (const program of ["cp", "git", "npm", "sh"]) await symlink(find(program), join(bin, program));
    await symlink(process.execPath, join(bin, "node"));
    return {
      bin: join(prefix, "bin"),
      modules: join(prefix, "lib/node_modules"),
      tarballs: (await readdir(tarballs)).map((name) => join(tarballs, name)),
      bareMachine: bin,
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The machine's npm under the machine's Node, which knows the machine's settings of registry and certificates. */
function machine(): Record<string, string> {
  const env = { ...process.env, PATH: machinePath().join(delimiter) };
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
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
