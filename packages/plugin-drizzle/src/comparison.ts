import type { AppliedMigration } from "./applied.ts";
import type { Migration } from "./migrations-folder.ts";

/** A release's migrations held against what a database says is applied. */
export interface Comparison {
  /** To be run, in the journal's order. */
  readonly pending: readonly Migration[];
  /** Pending, but not newer than what is applied already. */
  readonly outOfOrder: readonly Migration[];
  /** Applied with another text. */
  readonly edited: readonly Migration[];
  /** Applied, and unknown to the release. */
  readonly ahead: readonly AppliedMigration[];
}

/**
 * A set difference, where drizzle-orm compares with the newest row only and so skips what a merge brought in between.
 * Two files may have the same text (empty custom migrations do), so each row vouches for one migration.
 */
export function compareMigrations(release: readonly Migration[], applied: readonly AppliedMigration[]): Comparison {
  const rows = [...applied];
  const take = (matches: (row: AppliedMigration) => boolean): boolean => {
    const index = rows.findIndex(matches);
    if (index >= 0) rows.splice(index, 1);
    return index >= 0;
  };
  const hasText = (row: AppliedMigration, migration: Migration): boolean => migration.acceptedHashes.includes(row.hash);

  const unmatched = release
    .filter((migration) => !take((row) => row.when === migration.when && hasText(row, migration)))
    .filter((migration) => !take((row) => hasText(row, migration)));
  const edited = unmatched.filter((migration) => take((row) => isSameMigration(row, migration)));
  const pending = unmatched.filter((migration) => !edited.includes(migration));
  const newest = Math.max(...applied.map(({ when }) => when));
  return { pending, edited, ahead: rows, outOfOrder: pending.filter((it) => isLate(it, newest)) };
}

function isSameMigration(row: AppliedMigration, { when, name }: Migration): boolean {
  return row.name === undefined || name === undefined ? row.when === when : row.name === name;
}

// Names of drizzle 1.0 are whole seconds: two of one second are nothing strange there.
function isLate({ when, name }: Migration, newest: number): boolean {
  return name === undefined ? when <= newest : when < Math.floor(newest / 1_000) * 1_000;
}
