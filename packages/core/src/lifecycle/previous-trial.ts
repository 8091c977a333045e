import { dirname, join } from "node:path";
import type { Context, Trial } from "../plugin/contexts.ts";
import type { CommandResult } from "../ports/process-runner.ts";
import { REHEARSAL } from "../release/layout.ts";
import { linkAbove } from "../release/own-path.ts";
import type { SharedPath } from "../release/shared-path.ts";
import type { ReleaseInfo } from "./release.ts";

const CLONE_TIMEOUT_MS = 600_000;
const FILES_AT_ONCE = 200;
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
 * tried on. `undefined`, with a warning, when it is not known whether the clone would reach into that release.
 */
export async function clonePrevious(trial: PreviousTrial, context: Context): Promise<Trial | undefined> {
  const { previous, environment, mayFail } = trial;
  const place = join(context.paths.rehearsal, context.run.id);
  const clone = join(place, "previous");
  await context.fs.makeDirectory(place, 0o700);
  const files = await filesNaming(previous.path, context);
  await copyRelease(previous.path, clone, context);
  const obstacle = typeof files === "string" ? files : await relocate(files, previous.path, clone, context);
  if (obstacle !== undefined) {
    context.warn(
      `Rollback is not proven: whether a clone of ${previous.id} stands alone is not known, because ${obstacle}.`,
    );
    return undefined;
  }
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

/** The files of a build that hold its absolute path: a server would go there instead of into the clone. Or why not. */
async function filesNaming(path: string, context: Context): Promise<readonly string[] | string> {
  const found = await run("grep", ["-rIlF", ...UNREAD, "--", path, path], context);
  if (found.exitCode !== 0 && found.exitCode !== 1) return `grep ended with ${ending(found)}`;
  return found.stdout.split("\n").filter(Boolean);
}

/** Only files that were copied: packages, which are hard links, were not searched. Answers why it could not be done. */
async function relocate(
  files: readonly string[],
  from: string,
  to: string,
  context: Context,
): Promise<string | undefined> {
  const script = `s|${from.replace(/[.[\]*^$|\\]/g, "\\$&")}|${to.replace(/[&|\\]/g, "\\$&")}|g`;
  for (let at = 0; at < files.length; at += FILES_AT_ONCE) {
    const clones = files.slice(at, at + FILES_AT_ONCE).map((file) => join(to, file.slice(from.length)));
    const result = await run("sed", ["-i", "-e", script, "--", ...clones], context);
    if (!result.ok) return `sed ended with ${ending(result)}`;
  }
  return undefined;
}

/** Packages as hard links, the rest copied: what a start writes must not reach the release that serves. */
async function copyRelease(from: string, to: string, context: Context): Promise<void> {
  await context.fs.createDirectory(to, 0o700);
  for (const name of await context.fs.list(from)) {
    const how = name === "node_modules" ? ["-al"] : ["-a", "--reflink=auto"];
    await copy(context, [...how, "--", join(from, name), join(to, name)]);
  }
}

async function linkEntry(
  entry: SharedPath,
  appPath: string,
  { release, previous }: PreviousTrial,
  { fs, paths, run }: Context,
): Promise<void> {
  // What the release before did not share it has as its own.
  if ((await fs.look(join(previous.appPath, entry.path)))?.kind !== "link") return;
  const path = join(appPath, entry.path);
  // As where a whole folder was shared of which the new release shares a part.
  if ((await linkAbove(fs, join(paths.rehearsal, run.id), path)) !== undefined) return;
  const standsIn = (entry.substitutes?.length ?? 0) > 0;
  await fs.remove(path);
  await fs.makeDirectory(dirname(path));
  await fs.link(standsIn ? join(release.appPath, REHEARSAL, entry.path) : join(paths.shared, entry.path), path);
}

async function copy(context: Context, args: readonly string[]): Promise<void> {
  const result = await run("cp", args, context);
  if (!result.ok) throw new Error(`cp ended with ${ending(result)}: ${result.tail.join("\n")}`);
}

async function run(file: string, args: readonly string[], context: Context): Promise<CommandResult> {
  const { runner, env, signal, paths } = context;
  // Bytes, whatever they mean: a file in another encoding is changed as well.
  const result = await runner.run({
    file,
    args,
    cwd: paths.root,
    env: { ...env, LC_ALL: "C" },
    signal,
    timeoutMs: CLONE_TIMEOUT_MS,
  });
  signal.throwIfAborted();
  return result;
}

function ending({ exitSignal, exitCode }: CommandResult): string {
  return String(exitSignal ?? exitCode ?? "no start");
}
