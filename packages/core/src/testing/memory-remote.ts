import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { coreError } from "../errors/catalog.ts";
import type { Plugin } from "../plugin/plugin.ts";

/** Files of a commit by their paths. */
export type CommitFiles = Readonly<Record<string, string>>;

export interface MemoryRemote {
  /** Answers where a ref stands and puts a commit's files into the release. Its name is "remote". */
  readonly plugin: Plugin;
  /** Makes a commit and moves a branch to it; answers its hash. */
  push(files?: CommitFiles, branch?: string): string;
}

/** A repository in memory in the place of git, with one commit on `main`. The same pushes give the same hashes. */
export function memoryRemote(files: CommitFiles = {}): MemoryRemote {
  const commits = new Map<string, CommitFiles>();
  const branches = new Map<string, string>();
  const push: MemoryRemote["push"] = (pushed = {}, branch = "main") => {
    const hash = createHash("sha1")
      .update(JSON.stringify([commits.size, pushed]))
      .digest("hex");
    commits.set(hash, pushed);
    branches.set(branch, hash);
    return hash;
  };
  push(files);
  const plugin: Plugin = {
    name: "remote",
    async detect({ ref = "main" }) {
      const hash = commits.has(ref) ? ref : branches.get(ref);
      if (hash !== undefined) return { hash, ref, remote: "memory" };
      throw coreError("ERR_NO_REVISION", { message: `There is no "${ref}".`, hint: "Push it." });
    },
    async prepare({ release }) {
      for (const [path, text] of Object.entries(commits.get(release.revision.hash) ?? {})) {
        await mkdir(dirname(join(release.path, path)), { recursive: true });
        await writeFile(join(release.path, path), text);
      }
    },
  };
  return { plugin, push };
}
