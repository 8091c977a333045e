import { join } from "node:path";
import { coreError } from "../errors/catalog.ts";
import type { ReleaseRecord } from "../store/run-store.ts";
import type { ReleaseInfo } from "./release.ts";
import type { Session } from "./session.ts";

/**
 * The release to return to: the one that was named, by id or its beginning or by commit, else the newest successful one
 * older than current. Older by sequence: clocks may jump.
 * @throws ERR_NO_SUCH_RELEASE
 */
export async function chooseRelease(
  session: Session,
  current: ReleaseInfo,
  wanted: string | undefined,
): Promise<ReleaseRecord> {
  const candidates = session.store
    .releases()
    .filter((release) => release.status === "successful" && release.id !== current.id);
  const found = wanted === undefined ? newestBefore(candidates, current) : named(candidates, current, wanted);
  if ((await session.ports.fs.look(join(session.paths.releases, found.id)))?.kind === "directory") return found;
  throw none(`The files of release ${found.id} are gone.`);
}

/** What a rollback may name and is older than the current release, newest first. */
export async function olderReleases(session: Session, current: ReleaseInfo): Promise<ReleaseInfo[]> {
  const older = session.store.releases().filter((release) => isOlder(release, current));
  const onDisk = new Set(await session.ports.fs.list(session.paths.releases));
  return older
    .filter(({ id }) => onDisk.has(id))
    .map((release) => session.releaseInfo(release))
    .reverse();
}

/** Shared paths of today that an older release does not have. */
export function sharedDifference(today: ReleaseRecord["shared"], then: ReleaseRecord["shared"]): string[] {
  return today
    .filter((entry) => !then.some((other) => other.path === entry.path && other.kind === entry.kind))
    .map(({ path }) => path);
}

function newestBefore(candidates: readonly ReleaseRecord[], current: ReleaseInfo): ReleaseRecord {
  const older = candidates.filter((release) => isOlder(release, current)).at(-1);
  if (older !== undefined) return older;
  throw none(`There is no successful release older than ${current.id}.`);
}

function isOlder({ status, sequence, everCurrent }: ReleaseRecord, current: ReleaseInfo): boolean {
  return status === "successful" && everCurrent && sequence < current.sequence;
}

function named(candidates: readonly ReleaseRecord[], current: ReleaseInfo, wanted: string): ReleaseRecord {
  if (current.id === wanted) throw none(`Release ${wanted} is the current one.`);
  const matches = candidates.filter(
    (release) => release.id === wanted || release.id.startsWith(wanted) || release.revision.hash.startsWith(wanted),
  );
  const exact = matches.find((release) => release.id === wanted);
  const found = exact ?? (matches.length === 1 ? matches[0] : undefined);
  if (found !== undefined) return found;
  throw none(
    matches.length === 0
      ? `There is no successful release "${wanted}".`
      : `"${wanted}" fits ${matches.map(({ id }) => id).join(" and ")}.`,
  );
}

function none(message: string): ReturnType<typeof coreError> {
  return coreError("ERR_NO_SUCH_RELEASE", { message, hint: "See what is there with `deployer releases`." });
}
