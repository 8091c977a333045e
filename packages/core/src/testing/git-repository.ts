import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryDirectory } from "./temporary.ts";

export interface GitRepository extends AsyncDisposable {
  /** Its folder, which is also its address. */
  readonly path: string;
  /** Runs git in it, and answers what it said. */
  git(...args: string[]): string;
  /** Writes these files (`null` removes one), commits all there is, and answers the hash. */
  commit(files?: Readonly<Record<string, string | null>>): string;
  remove(): Promise<void>;
}

const ENVIRONMENT = {
  PATH: process.env.PATH,
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_SYSTEM: "/dev/null",
  GIT_AUTHOR_NAME: "Test",
  GIT_AUTHOR_EMAIL: "test@example.org",
  GIT_COMMITTER_NAME: "Test",
  GIT_COMMITTER_EMAIL: "test@example.org",
};

/** Makes a real repository with one commit on `main`, to be the remote of a test. */
export function gitRepository(files: Readonly<Record<string, string>> = { "index.js": "" }): GitRepository {
  const folder = temporaryDirectory("deployer-git");
  const { path } = folder;
  const git = (...args: string[]): string =>
    execFileSync("git", ["-C", path, ...args], { env: ENVIRONMENT, encoding: "utf8", stdio: "pipe" }).trim();
  git("init", "--quiet", "--initial-branch=main");
  const commit: GitRepository["commit"] = (changes = {}) => {
    for (const [name, text] of Object.entries(changes)) {
      if (text === null) rmSync(join(path, name), { recursive: true });
      else {
        mkdirSync(dirname(join(path, name)), { recursive: true });
        writeFileSync(join(path, name), text);
      }
    }
    git("add", "--all");
    git("commit", "--quiet", "--allow-empty", "--message", "test");
    return git("rev-parse", "HEAD");
  };
  commit(files);
  return { path, git, commit, remove: folder.remove, [Symbol.asyncDispose]: folder.remove };
}
