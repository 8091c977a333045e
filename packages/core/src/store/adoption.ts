import { basename, join } from "node:path";
import type { AppConfig } from "../plugin/contexts.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { type Layout, REHEARSAL, REVISION_FILE } from "../release/layout.ts";
import { verifyLinks } from "../release/links.ts";
import { type ListedRelease, type ReleaseList, readReleaseList } from "./release-list.ts";
import type { RunStore } from "./run-store.ts";

const FULL_HASH = /^([0-9a-f]{40}|[0-9a-f]{64})\n?$/;

/** What a new store takes over from the disk. */
export interface Adoption {
  /** Oldest first. */
  readonly releases: readonly ListedRelease[];
  /** Left by runs that were not accepted: the next cleanup removes them. */
  readonly failed: readonly ListedRelease[];
  readonly decisions: ReleaseList["decisions"];
  readonly current: string | undefined;
}

/**
 * Looks for the releases of a lost store. Only what was accepted is taken for a release; where no list says so, what is
 * served, and what has its links and nothing left of a trial.
 */
export async function findReleases(fs: FileSystem, paths: Layout, config: AppConfig): Promise<Adoption> {
  const current =
    (await fs.look(paths.current))?.kind === "link" ? basename(await fs.readLink(paths.current)) : undefined;
  const list = await readReleaseList(fs, paths);
  const found = await onDisk(fs, paths);
  const releases: ListedRelease[] = [];
  const failed: ListedRelease[] = [];
  for (const release of found) {
    const listed = list?.releases.find(({ id }) => id === release.id);
    const isAccepted = list === undefined ? await looksWhole(fs, paths, config, release) : isSame(listed, release);
    if (isAccepted || release.id === current) releases.push(listed ?? release);
    else if (list !== undefined || (await hasRehearsal(fs, paths, config, release))) failed.push(release);
  }
  const order = list?.releases.map(({ id }) => id) ?? releases.map(({ id }) => id);
  // What is served without being listed was accepted last.
  const place = ({ id }: ListedRelease): number => (order.includes(id) ? order.indexOf(id) : order.length);
  releases.sort((a, b) => place(a) - place(b));
  return { releases, failed, decisions: list?.decisions ?? [], current };
}

export function adopt(store: RunStore, { releases, failed, decisions, current }: Adoption, at: number): void {
  for (const { id, revision, shared } of failed)
    store.adoptRelease(id, revision, false, at, { shared, status: "failed" });
  for (const { id, revision, shared } of releases) store.adoptRelease(id, revision, id === current, at, { shared });
  for (const { watched, ...decision } of decisions) store.decide(watched, decision);
  const served = releases.find(({ id }) => id === current);
  if (served === undefined || decisions.length > 0) return;
  // Which ref was watched is lost, too: the empty name stands for any, until the next decision.
  const { hash } = served.revision;
  store.decide("", { hash, verdict: "deployed", code: null, reason: null, run: null, config: null, at });
}

/** By name, which begins with the second of its making: without a list the only order that is left. */
async function onDisk(fs: FileSystem, paths: Layout): Promise<ListedRelease[]> {
  const found: ListedRelease[] = [];
  for (const id of (await fs.list(paths.releases)).sort()) {
    const file = join(paths.releases, id, REVISION_FILE);
    if ((await fs.look(file))?.kind !== "file") continue;
    const text = await fs.readText(file);
    if (FULL_HASH.test(text)) found.push({ id, revision: { hash: text.trim(), ref: "", remote: "" }, shared: [] });
  }
  return found;
}

function isSame(listed: ListedRelease | undefined, { revision }: ListedRelease): boolean {
  return listed?.revision.hash === revision.hash;
}

async function looksWhole(fs: FileSystem, paths: Layout, config: AppConfig, release: ListedRelease): Promise<boolean> {
  if (await hasRehearsal(fs, paths, config, release)) return false;
  const path = join(paths.releases, release.id);
  const info = { ...release, path, appPath: join(path, config.directory), sequence: 0 };
  return verifyLinks(fs, paths, info, config.shared).then(
    () => true,
    () => false,
  );
}

async function hasRehearsal(fs: FileSystem, paths: Layout, config: AppConfig, { id }: ListedRelease): Promise<boolean> {
  return (await fs.look(join(paths.releases, id, config.directory, REHEARSAL))) !== undefined;
}
