import { join } from "node:path";
import { type Context, ownPath, type ReleaseInfo } from "@deployer/core";
import { gitClient, said } from "./client.ts";
import { gitError } from "./errors.ts";
import { refuseFullDisk } from "./full-disk.ts";
import type { MirrorOptions } from "./mirror.ts";

/**
 * Writes the commit's files into the release, as a checkout does: filters and line endings apply, submodules come along,
 * and no `.git` stays. (`git archive` is no checkout: export-ignore, export-subst, empty submodules.)
 * @throws ERR_LFS_MISSING, ERR_CHECKOUT
 */
export async function checkout(
  context: Context,
  release: ReleaseInfo,
  { remote, timeoutMs, ssh }: MirrorOptions,
): Promise<void> {
  const { paths, fs } = context;
  const index = join(paths.state, `index-${release.id}`);
  const git = gitClient(context, {
    timeoutMs,
    directory: release.path,
    ssh, // submodules and Git LFS may come from elsewhere
    variables: { GIT_DIR: paths.mirror, GIT_WORK_TREE: release.path, GIT_INDEX_FILE: index },
  });
  // Relative addresses of submodules, and Git LFS, go by the remote's.
  const settings = ["-c", "core.bare=false", "-c", `remote.origin.url=${remote}`];
  const inTree = (args: string[]): Promise<string> => git.raw([...settings, ...args]);
  try {
    await inTree(["read-tree", release.revision.hash]);
    await refuseWithoutLfs(context, inTree);
    await inTree(["checkout-index", "--all", "--force"]);
    if ((await fs.look(join(release.path, ".gitmodules"))) !== undefined)
      await checkoutSubmodules(context, release, inTree);
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof Error && "exitCode" in error) throw error;
    refuseFullDisk(context, release.path, error);
    throw gitError("ERR_CHECKOUT", {
      message: `Commit ${release.revision.hash} could not be written into ${release.path}:\n${said(context, error)}`,
      hint: "Does the repository need something that this machine lacks?",
      cause: error,
    });
  } finally {
    await fs.remove(index);
    await fs.remove(`${index}.lock`);
  }
}

/** Without its filter git writes a pointer of 130 bytes in place of each file, and says nothing. */
async function refuseWithoutLfs(context: Context, inTree: (args: string[]) => Promise<string>): Promise<void> {
  const attributes = await inTree([
    "grep",
    "--cached",
    "-l",
    "-e",
    "filter=lfs",
    "--",
    ".gitattributes",
    "**/.gitattributes",
  ]).catch(() => "");
  if (attributes.trim() === "") return;
  const lfs = await context.runner.run({
    file: "git",
    args: ["lfs", "version"],
    cwd: context.paths.state,
    env: context.env,
    timeoutMs: 10_000,
  });
  if (lfs.ok) return;
  throw gitError("ERR_LFS_MISSING", {
    message: `The repository keeps files in Git LFS (${attributes.trim().split("\n").join(", ")}), and git-lfs is not installed.`,
    hint: "Install it on this machine (apt install git-lfs; git lfs install), or remove the LFS attributes.",
  });
}

async function checkoutSubmodules(
  context: Context,
  release: ReleaseInfo,
  inTree: (args: string[]) => Promise<string>,
): Promise<void> {
  await inTree(["submodule", "--quiet", "update", "--init", "--recursive", "--force"]);
  const listed = await inTree(["submodule", "--quiet", "foreach", "--recursive", 'echo "$displaypath"']);
  // Each holds a .git file that points into the mirror; nothing in a release may.
  for (const path of listed.split("\n").filter(Boolean)) {
    // The name of a folder in git may hold a line end.
    await context.fs.remove(await ownPath(context.fs, release.path, join(release.path, path, ".git")));
  }
}
