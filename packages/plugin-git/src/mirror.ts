import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Context, ReleaseInfo } from "@deployer/core";
import { gitClient } from "./client.ts";
import { gitError } from "./errors.ts";
import { refuseFullDisk } from "./full-disk.ts";
import { unreachable } from "./remote-hash.ts";
import type { SshOptions } from "./ssh.ts";

const KEEP = "refs/deployer/";

export interface MirrorOptions {
  readonly remote: string;
  readonly timeoutMs: number;
  readonly ssh: SshOptions;
}

/**
 * Makes sure that the mirror has the release's commit. A mirror that fails, be it damaged or locked by a run that was
 * killed, is replaced: a fresh one is made beside it and takes its place only when it has the commit.
 * @throws ERR_REMOTE_UNREACHABLE, ERR_REVISION_GONE, ERR_DISK
 */
export async function fetchRevision(context: Context, release: ReleaseInfo, options: MirrorOptions): Promise<void> {
  const { fs, paths } = context;
  const { hash } = release.revision;
  if ((await fs.look(paths.mirror)) !== undefined) {
    try {
      if (!(await hasCommit(context, paths.mirror, hash))) await fetchInto(context, paths.mirror, hash, options);
      if (await hasCommit(context, paths.mirror, hash)) return await keep(context, release);
    } catch (error) {
      context.signal.throwIfAborted();
      refuseFullDisk(context, paths.mirror, error);
      context.info("The mirror could not be used; making a new one.");
    }
  }
  const fresh = `${paths.mirror}.${randomUUID()}`;
  try {
    await createMirror(context, fresh, hash, options);
    await fs.makeDirectory(paths.trash, 0o700);
    if ((await fs.look(paths.mirror)) !== undefined)
      await fs.rename(paths.mirror, join(paths.trash, `mirror-${randomUUID()}`));
    await fs.rename(fresh, paths.mirror);
  } finally {
    await fs.remove(fresh);
  }
  await keep(context, release);
}

/** Forgets the commits of releases that are gone, so that git may drop them. */
export async function forgetRevisions(context: Context, removed: readonly ReleaseInfo[]): Promise<void> {
  const git = gitClient(context, { timeoutMs: 60_000, directory: context.paths.mirror });
  for (const { id } of removed) await git.raw(["update-ref", "-d", `${KEEP}${id}`]);
}

async function createMirror(context: Context, path: string, hash: string, options: MirrorOptions): Promise<void> {
  await context.fs.createDirectory(path, 0o700);
  const git = gitClient(context, { timeoutMs: 60_000 });
  await git.raw(["init", "--quiet", "--bare", path]).catch((error: unknown) => {
    refuseFullDisk(context, path, error);
    throw error;
  });
  try {
    await fetchInto(context, path, hash, options);
  } catch (error) {
    context.signal.throwIfAborted();
    refuseFullDisk(context, path, error);
    if (error instanceof Error && "exitCode" in error) throw error;
    throw await unreachable(context, options, error);
  }
  if (await hasCommit(context, path, hash)) return;
  throw gitError("ERR_REVISION_GONE", {
    message: `${context.redact(options.remote)} no longer offers commit ${hash}.`,
    hint: "Was the branch rewritten? The next check takes what it has then.",
    details: { hash },
  });
}

/** The one commit; where the server gives out no single commits, all branches and tags. */
async function fetchInto(
  context: Context,
  mirror: string,
  hash: string,
  { remote, timeoutMs, ssh }: MirrorOptions,
): Promise<void> {
  const git = gitClient(context, { timeoutMs, directory: mirror, ssh });
  const fetch = ["-c", "gc.auto=0", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--force", remote];
  try {
    await git.raw([...fetch, `${hash}:${KEEP}fetched`]);
  } catch {
    context.signal.throwIfAborted();
    await git.raw([...fetch, `+refs/heads/*:${KEEP}heads/*`, `+refs/tags/*:${KEEP}tags/*`]);
  }
}

// With every file of it: a mirror that lost some would fail at each checkout, and never fetch them again.
async function hasCommit(context: Context, mirror: string, hash: string): Promise<boolean> {
  const git = gitClient(context, { timeoutMs: 60_000, directory: mirror });
  return git.raw(["rev-list", "--quiet", "--objects", "--no-walk", `${hash}^{commit}`]).then(
    () => true,
    () => false,
  );
}

// Without a reference of its own a commit that is on no branch any more could be collected.
async function keep(context: Context, release: ReleaseInfo): Promise<void> {
  await gitClient(context, { timeoutMs: 60_000, directory: context.paths.mirror }).raw([
    "update-ref",
    `${KEEP}${release.id}`,
    release.revision.hash,
  ]);
}
