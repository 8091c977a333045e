import { dirname, join, relative } from "node:path";
import { fromPlugin } from "../lifecycle/from-plugin.ts";
import { checkedFill } from "../plugin/answers.ts";
import type { CopiedFile, LinkContext, SettleContext } from "../plugin/contexts.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { ownerOf } from "./answered-shared.ts";
import { isInside } from "./inside.ts";
import { REHEARSAL } from "./layout.ts";
import { type LinkSite, linkShared } from "./links.ts";
import { ownPath } from "./own-path.ts";
import type { SharedPath } from "./shared-path.ts";

/** What is copied may have been kept from others by the folder that it lay in. */
export const PRIVATE = 0o700;

/** A directory or file inside the release that stands for a shared path, and which plugin fills it. */
export interface StandIn {
  readonly entry: SharedPath;
  readonly path: string;
  /** What core linked into it, by name; all else there was written by a build or a trial. */
  readonly linked: ReadonlySet<string>;
}

/** Makes the stand-in of one shared path and has the plugins fill it; answers the variables they ask for. */
export async function fillStandIn(
  site: LinkSite,
  entry: SharedPath,
  context: LinkContext,
): Promise<{ standIn: StandIn; env: Readonly<Record<string, string>> }> {
  const path = join(site.release.appPath, REHEARSAL, entry.path);
  const linked = entry.kind === "directory" ? await linkTheRest(site, entry, path) : new Set<string>();
  if (entry.kind === "file") await site.fs.makeDirectory(dirname(path), PRIVATE);
  let env: Record<string, string> = {};
  for (const substitute of entry.substitutes ?? []) {
    const called = { plugin: ownerOf(substitute), stage: "link", step: "copies" };
    const answer = await fromPlugin(called, async () => checkedFill(await substitute.fill(path, context)));
    env = { ...env, ...answer.env };
  }
  return { standIn: { entry, path, linked }, env };
}

/** Has the plugins take their last look, then tells what else was written there; that is dropped with the stand-in. */
export async function settleStandIn(site: LinkSite, standIn: StandIn, context: SettleContext): Promise<void> {
  for (const substitute of standIn.entry.substitutes ?? []) {
    const called = { plugin: ownerOf(substitute), stage: "gate", step: "settle" };
    await fromPlugin(called, () => substitute.settle?.(standIn.path, context));
  }
  if (standIn.entry.kind !== "directory") return;
  const strange = await strangers(site.fs, standIn);
  if (strange.length > 0) {
    site.warn(
      `Build or trial wrote into ${standIn.entry.path}: ${strange.join(", ")}. It was on a copy and is dropped.`,
    );
  }
}

/** The live files that stand-ins have copies of. */
export function copiedFiles(site: LinkSite, standIns: readonly StandIn[]): CopiedFile[] {
  const names = standIns.flatMap(({ entry }) => (entry.substitutes ?? []).flatMap((substitute) => substitute.owns));
  return names.map((name) => ({
    name,
    live: join(site.paths.shared, name),
    copy: join(site.release.appPath, REHEARSAL, name),
  }));
}

/** Swaps the real links in and removes the stand-ins. */
export async function endRehearsal(site: LinkSite, standIns: readonly StandIn[]): Promise<void> {
  for (const { entry } of standIns) await linkShared(site, entry, "shared");
  await site.fs.remove(await ownPath(site.fs, site.release.path, join(site.release.appPath, REHEARSAL)));
}

/** Links what is not owned, directory by directory where something deeper is; answers the relative paths of the links. */
async function linkTheRest(site: LinkSite, entry: SharedPath, path: string): Promise<Set<string>> {
  const shared = join(site.paths.shared, entry.path);
  const linked = new Set<string>();
  const visit = async (below: string): Promise<void> => {
    await site.fs.makeDirectory(join(path, below), PRIVATE);
    for (const name of await site.fs.list(join(shared, below))) {
      const at = join(below, name);
      if (ownsWithin(entry, at)) await visit(at);
      else if (!owns(entry, at) && !isCompanion(name)) {
        await site.fs.link(relative(join(path, below), join(shared, at)), join(path, at));
        linked.add(at);
      }
    }
  };
  await visit("");
  return linked;
}

async function strangers(fs: FileSystem, standIn: StandIn): Promise<string[]> {
  const found: string[] = [];
  const visit = async (below: string): Promise<void> => {
    const folder = join(standIn.path, below);
    // The build may have removed it, or put a link there.
    if ((await fs.look(folder))?.kind !== "directory") return;
    for (const name of await fs.list(folder)) {
      const at = join(below, name);
      if (ownsWithin(standIn.entry, at)) await visit(at);
      else if (!standIn.linked.has(at) && !owns(standIn.entry, at) && !isCompanion(name)) found.push(at);
    }
  };
  await visit("");
  return found;
}

function ownedPaths(entry: SharedPath): string[] {
  const prefix = `${entry.path}/`;
  return (entry.substitutes ?? [])
    .flatMap((substitute) => substitute.owns)
    .filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length));
}

function owns(entry: SharedPath, path: string): boolean {
  return ownedPaths(entry).includes(path);
}

function ownsWithin(entry: SharedPath, directory: string): boolean {
  return ownedPaths(entry).some((path) => path !== directory && isInside(path, directory));
}

// A database's companion files belong to a live database: a link to one beside a copy would tear the live one apart.
function isCompanion(name: string): boolean {
  return /-(wal|shm|journal)$/.test(name);
}
