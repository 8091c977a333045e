import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Site } from "./site.ts";

/** A git that writes down what it is asked, and then does it. */
export interface RecordedGit {
  /** The environment with this git first on PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** What was asked since the last call, by the name of the git command. */
  commands(): Promise<string[]>;
}

export async function recordedGit(site: Site): Promise<RecordedGit> {
  const folder = site.at("recorded");
  const log = join(folder, "log");
  await mkdir(folder);
  await writeFile(log, "");
  const real = realGit();
  await writeFile(join(folder, "git"), `#!/bin/sh\nprintf '%s\\n' "$*" >> "${log}"\nexec "${real}" "$@"\n`);
  await chmod(join(folder, "git"), 0o755);
  return {
    env: { PATH: [folder, site.env.PATH].join(delimiter) },
    async commands() {
      const lines = (await readFile(log, "utf8")).split("\n").filter(Boolean);
      await writeFile(log, "");
      return lines.map(commandOf);
    },
  };
}

function commandOf(line: string): string {
  const words = line
    .replace(/(^| )-c \S+/g, "")
    .trim()
    .split(" ");
  return words[0] ?? "";
}

function realGit(): string {
  const found = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "git"));
  const real = found.find((file) => existsSync(file));
  if (real === undefined) throw new Error("git is not on PATH");
  return real;
}
