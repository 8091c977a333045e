import { dirname, join } from "node:path";
import type { Context, Trial } from "../plugin/contexts.ts";
import { REHEARSAL } from "../release/layout.ts";
import type { SharedPath } from "../release/shared-path.ts";
import type { ReleaseInfo } from "./release.ts";

const CLONE_TIMEOUT_MS = 600_000;
/** Where a built app names its own place without ever going there: maps, lists of traced files, compiler caches. */
const UNREAD = [
  "--exclude-dir=node_modules",
  "--exclude-dir=cache",
  "--exclude=*.map",
  "--exclude=*.nft.json",
  "--exclude=required-server-files*",
  "--exclude=trace*",
];

export interface PreviousTrial {
  readonly previous: ReleaseInfo;
  /** The release whose stand-ins the clone sees. */
  readonly release: ReleaseInfo;
  readonly shared: readonly SharedPath[];
  readonly environment: Readonly<Record<string, string>>;
  readonly mayFail: boolean;
}

/**
 * Clones the running release into `.deployer/rehearsal/<run>/previous`, to be tried on the copies that the new one is
 * tried on. `undefined`, with a warning, when the clone would reach into the release that it was made from.
 */
export async function clonePrevious(trial: PreviousTrial, context: Context): Promise<Trial | undefined> {
  const { previous, environment, mayFail } = trial;
  const place = join(context.paths.rehearsal, context.run.id);
  const clone = join(place, "previous");
  await context.fs.makeDirectory(place, 0o700);
  const obstacle = await obstacleTo(previous, context);
  if (obstacle !== undefined) {
    context.warn(`Rollback is not proven: ${obstacle}.`);
    return undefined;
  }
  await copyRelease(previous.path, clone, context);
  const appPath = join(clone, previous.appPath.slice(previous.path.length));
  for (const entry of trial.shared) await linkEntry(entry, appPath, trial, context);
  return {
    label: `${previous.id}, which is served, on the migrated copies`,
    release: { ...previous, path: clone, appPath },
    directory: appPath,
    environment: { ...environment, DEPLOYER_REVISION: previous.revision.hash },
    ...(mayFail ? { mayFail } : {}),
  };
}

/** A file of the build that holds the release's absolute path; a server would go there instead of into the clone. */
async function obstacleTo({ path }: ReleaseInfo, { runner, env, signal, paths }: Context): Promise<string | undefined> {
  const args = ["-rIlF", "-m1", ...UNREAD, "--", path, path];
  const found = await runner.run({ file: "grep", args, cwd: paths.root, env, signal, timeoutMs: CLONE_TIMEOUT_MS });
  signal.throwIfAborted();
  if (found.exitCode !== 0 && found.exitCode !== 1)
    return `whether a clone of it would stand alone is not known, because grep ended with ${found.exitSignal ?? found.exitCode ?? "no start"}`;
  const file = found.stdout.split("\n")[0];
  return file ? `${file} names the release's own place, so a clone of it would not stand alone` : undefined;
}

/** Packages as hard links, the rest copied: what a start writes must not reach the release that serves. */
async function copyRelease(from: string, to: string, context: Context): Promise<void> {
  await context.fs.createDirectory(to, 0o755);
  for (const name of await context.fs.list(from)) {
    const how = name === "node_modules" ? ["-al"] : ["-a", "--reflink=auto"];
    await copy(context, [...how, "--", join(from, name), join(to, name)]);
  }
}

async function linkEntry(
  entry: SharedPath,
  appPath: string,
  { release, previous }: PreviousTrial,
  { fs, paths }: Context,
): Promise<void> {
  // What the release before did not share it has as its own.
  if ((await fs.look(join(previous.appPath, entry.path)))?.kind !== "link") return;
  const path = join(appPath, entry.path);
  const standsIn = (entry.substitutes?.length ?? 0) > 0;
  await fs.remove(path);
  await fs.makeDirectory(dirname(path));
  await fs.link(standsIn ? join(release.appPath, REHEARSAL, entry.path) : join(paths.shared, entry.path), path);
}

async function copy({ runner, env, signal, paths }: Context, args: readonly string[]): Promise<void> {
  const result = await runner.run({ file: "cp", args, cwd: paths.root, env, signal, timeoutMs: CLONE_TIMEOUT_MS });
  signal.throwIfAborted();
  if (!result.ok) throw new Error(`cp ended with ${result.exitSignal ?? result.exitCode}: ${result.tail.join("\n")}`);
}
