import { join } from "node:path";
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
    await moveToTrash(ports.fs, paths, release.path);
    store.setReleaseStatus(record.id, "removed");
    removed.push(release);
  }
  for (const record of releases) {
    // One in the making is of a run that ended on a full disk: its removal is not on record.
    const isLeft = record.status === "failed" || record.status === "making";
    if (isLeft && !inUse.has(record.id)) await discardRelease(session, session.releaseInfo(record));
  }
  await pruneLogs(session);
  if (removed.length > 0)
    session.info(`Removed ${removed.length === 1 ? "release" : "releases"} ${removed.map(({ id }) => id).join(", ")}.`);
  return removed;
}

// Run ids begin with the second of their run.
async function pruneLogs(session: Session): Promise<void> {
  const { fs } = session.ports;
  const names = (await fs.list(session.paths.logs)).filter((name) => name.endsWith(".log")).sort();
  for (const name of names.slice(0, Math.max(0, names.length - KEPT_LOGS)))
    await fs.remove(join(session.paths.logs, name));
}
