import { childOf } from "../release/child.ts";
import { releasesInUse } from "../release/in-use.ts";
import { expiredReleases } from "../release/retention.ts";
import { moveToTrash } from "../release/trash.ts";
import { discardRelease } from "./discard-release.ts";
import type { ReleaseInfo } from "./release.ts";
import type { Session } from "./session.ts";

const KEPT_LOGS = 200;

/** Takes away the releases that are too many, failed ones that could not be taken away before, and old logs. */
export async function pruneReleases(
  session: Session,
  active: ReleaseInfo,
  previous: ReleaseInfo | undefined,
): Promise<ReleaseInfo[]> {
  const { store, ports, paths, config } = session;
  const inUse = await releasesInUse(ports.processes, paths);
  inUse.add(active.id);
  if (previous !== undefined) inUse.add(previous.id);
  const releases = store.releases();
  const removed: ReleaseInfo[] = [];
  for (const record of expiredReleases(releases, config.keepReleases, inUse)) {
    const release = session.releaseInfo(record);
    if (!(await isPutAway(session, record.id, () => moveToTrash(ports.fs, paths, paths.releases, record.id)))) continue;
    store.setReleaseStatus(record.id, "removed");
    removed.push(release);
  }
  for (const record of releases) {
    // One in the making is of a run that ended on a full disk: its removal is not on record.
    const isLeft = record.status === "failed" || record.status === "making";
    if (isLeft && !inUse.has(record.id))
      await isPutAway(session, record.id, () => discardRelease(session, session.releaseInfo(record)));
  }
  await pruneLogs(session);
  if (removed.length > 0)
    session.info(`Removed ${removed.length === 1 ? "release" : "releases"} ${removed.map(({ id }) => id).join(", ")}.`);
  return removed;
}

/** One that cannot be taken away keeps no other from it. */
async function isPutAway(session: Session, id: string, act: () => Promise<void>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    session.warn(`Release ${id} could not be removed: ${reason}. The next run tries again.`);
    return false;
  }
}

// Run ids begin with the second of their run.
async function pruneLogs(session: Session): Promise<void> {
  const { fs } = session.ports;
  const names = (await fs.list(session.paths.logs)).filter((name) => name.endsWith(".log")).sort();
  for (const name of names.slice(0, Math.max(0, names.length - KEPT_LOGS)))
    await fs.remove(childOf(session.paths.logs, name));
}
