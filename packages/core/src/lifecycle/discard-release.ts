import { join } from "node:path";
import { childOf } from "../release/child.ts";
import { currentId } from "../release/current-link.ts";
import { releasesInUse } from "../release/in-use.ts";
import { moveToTrash } from "../release/trash.ts";
import type { ReleaseInfo } from "./release.ts";
import type { Session } from "./session.ts";

/**
 * Takes a failed release away; with `keepFailed` it is kept aside for a look. Never the current one, and never one that
 * a process still works in: that is left for the next run's cleanup. The store is told after the fact, because on a full
 * disk it takes nothing before this has made room.
 */
export async function discardRelease(session: Session, release: ReleaseInfo): Promise<void> {
  const { ports, paths } = session;
  if ((await ports.fs.look(release.path)) === undefined) return record(session, release, "removed");
  if ((await currentId(ports.fs, paths)) === release.id)
    throw new Error(`${release.path} is still current and was left in place`);
  if ((await releasesInUse(ports.processes, paths)).has(release.id)) {
    record(session, release, "failed");
    return session.warn(`A process still works in ${release.path}; it is removed by a later run.`);
  }
  if (session.config.keepFailed > 0) await setAside(session, release);
  else await moveToTrash(ports.fs, paths, paths.releases, release.id);
  record(session, release, "removed");
}

/** What cannot be recorded is found again by the cleanup of a later run. */
function record(session: Session, release: ReleaseInfo, status: "failed" | "removed"): void {
  try {
    session.store.setReleaseStatus(release.id, status);
  } catch (error) {
    session.warn(`That ${release.id} is ${status} could not be recorded: ${String(error)}.`);
  }
}

async function setAside(session: Session, release: ReleaseInfo): Promise<void> {
  const { fs } = session.ports;
  const { failed } = session.paths;
  await fs.makeDirectory(failed, 0o700);
  await fs.rename(childOf(session.paths.releases, release.id), join(failed, release.id));
  const names = (await fs.list(failed)).sort();
  for (const name of names.slice(0, Math.max(0, names.length - session.config.keepFailed)))
    await moveToTrash(fs, session.paths, failed, name);
}
