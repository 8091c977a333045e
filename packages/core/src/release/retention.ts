import type { ReleaseRecord } from "../store/run-store.ts";

/**
 * The successful releases that are too many, oldest first. The newest `keep` stay, and so does every one in `inUse`:
 * the current one, the one before it, and those that a process works in.
 */
export function expiredReleases(
  releases: readonly ReleaseRecord[],
  keep: number,
  inUse: ReadonlySet<string>,
): ReleaseRecord[] {
  return releases
    .filter((release) => release.status === "successful")
    .sort((a, b) => a.sequence - b.sequence)
    .slice(0, -keep)
    .filter((release) => !inUse.has(release.id));
}
