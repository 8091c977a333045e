import { join } from "node:path";
import { currentId } from "../release/current-link.ts";
import { REVISION_FILE } from "../release/layout.ts";
import type { ReleaseRecord } from "../store/run-store.ts";
import type { Session } from "./session.ts";

/** What is wrong with `current` itself. */
export interface CurrentFault {
  /** As a sentence. */
  readonly problem: string;
  /** The release that was accepted last, whether its files are still there or not. */
  readonly accepted: ReleaseRecord;
  /** Where `current` has to point; `undefined` when a person has switched it, or nothing whole is left. */
  readonly target: ReleaseRecord | undefined;
  /** The files of the accepted release are gone. */
  readonly isLost: boolean;
}

/** Compares `current` with what was accepted last; `undefined` when they agree, and before the first deployment. */
export async function faultOfCurrent(session: Session): Promise<CurrentFault | undefined> {
  const { ports, paths, store } = session;
  const accepted = store.lastAccepted();
  if (accepted === undefined) return undefined;
  const id = await currentId(ports.fs, paths);
  const isThere = (await ports.fs.resolve(paths.current))?.kind === "directory";
  if (isThere && id === accepted.id) return undefined;
  if (id === undefined) return lost(session, "`current` is missing.", accepted);
  if (!isThere)
    return lost(session, `\`current\` leads to ${await ports.fs.readLink(paths.current)}, which is gone.`, accepted);
  // A run that failed has left it so; otherwise it was a person.
  const status = store.release(id)?.status;
  const problem = `\`current\` points at ${id}, and ${accepted.id} was accepted last.`;
  if (status === "making" || status === "failed" || store.notUndone()?.release === id)
    return lost(session, problem, accepted);
  return { problem, accepted, target: undefined, isLost: false };
}

async function lost(session: Session, problem: string, accepted: ReleaseRecord): Promise<CurrentFault> {
  const target = await lastWhole(session, accepted);
  return { problem, accepted, target, isLost: target?.id !== accepted.id };
}

/** The accepted release, or the newest successful one before it whose files are still there. */
async function lastWhole(
  { ports, paths, store }: Session,
  accepted: ReleaseRecord,
): Promise<ReleaseRecord | undefined> {
  const older = store.releases().filter((release) => release.status === "successful" && release.id !== accepted.id);
  for (const release of [accepted, ...older.reverse()]) {
    if ((await ports.fs.resolve(join(paths.releases, release.id, REVISION_FILE)))?.kind === "file") return release;
  }
  return undefined;
}
