import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { mustRun } from "./run-program.ts";

/** Files by path; `null` removes one. */
export type Files = Readonly<Record<string, string | null>>;

/** A bare remote and a working copy that pushes to it. */
export interface Repository {
  /** What a config names as `remote`. */
  readonly remote: string;
  /** Commits these changes, pushes them to `branch`, and answers the hash. */
  commit(files: Files, message?: string, branch?: string): Promise<string>;
  git(...args: string[]): Promise<string>;
}

export async function createRepository(folder: string, env: Readonly<Record<string, string>>): Promise<Repository> {
  const remote = join(folder, "remote.git");
  const work = join(folder, "work");
  const git = (...args: string[]): Promise<string> => mustRun("git", args, { cwd: work, env });
  await mkdir(work);
  await git("init", "--quiet", "--bare", "--initial-branch=main", remote);
  await git("init", "--quiet", "--initial-branch=main", ".");
  await git("remote", "add", "origin", remote);
  return {
    remote,
    git,
    async commit(files, message = "A change", branch = "main") {
      await write(work, files);
      await git("add", "--all");
      await git("commit", "--quiet", "--allow-empty", "--message", message);
      await git("push", "--quiet", "--force", "origin", `HEAD:refs/heads/${branch}`);
      return (await git("rev-parse", "HEAD")).trim();
    },
  };
}

async function write(folder: string, files: Files): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path);
    if (text === null) {
      await rm(file, { recursive: true });
      continue;
    }
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}
