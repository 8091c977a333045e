import type { Context } from "@deployer/core";
import type { AppliedMigration } from "./applied.ts";
import type { Comparison } from "./comparison.ts";
import type { AppDatabase } from "./databases.ts";
import { drizzleError } from "./errors.ts";
import { type CommittedMigration, vouchFor } from "./memory.ts";
import type { Migration } from "./migrations-folder.ts";
import { judgeStatements } from "./statement-rules.ts";

/**
 * Stops a release whose migrations do not fit the database, by name and before any work. Applied migrations that it
 * lacks (a `git revert`, an older ref) may stay when this deployer committed them, and are told.
 */
export function refuseUnfit(
  database: AppDatabase,
  { edited, outOfOrder, ahead, pending }: Comparison,
  applied: readonly AppliedMigration[],
  { state, warn, redact }: Pick<Context, "state" | "warn" | "redact">,
): void {
  if (edited.length > 0) throw editedError(database, edited);
  const { ours, breaking, foreign } = vouchFor(state, database.file, ahead);
  if (foreign.length > 0) throw aheadError(database, foreign);
  if (breaking.length > 0) throw brokenError(database, breaking);
  if (outOfOrder.length > 0 && database.appliesLate !== true) throw orderError(database, outOfOrder, applied);
  if (outOfOrder.length > 0) {
    warn(`${database.name}: ${names(outOfOrder)} is older than what is applied already, and runs all the same.`);
  }
  for (const migration of pending) refuseStatements(database, migration, redact);
  if (ours.length > 0) {
    warn(`${database.name}: ${names(ours)} stays applied, although this release does not know it.`);
  }
}

/** Rows of drizzle's table have no names: what is known of them, for a person. */
export function describeRows(rows: readonly AppliedMigration[]): string {
  return rows.map(({ hash, when }) => `${hash.slice(0, 12)} of ${time(when)}`).join(", ");
}

export function names(migrations: readonly { readonly tag: string }[]): string {
  return migrations.map(({ tag }) => tag).join(", ");
}

// The column holds whatever was written into it; an error must not fail over that.
function time(when: number): string {
  const date = new Date(when);
  return Number.isNaN(date.getTime()) ? `time ${when}` : date.toISOString();
}

function refuseStatements(database: AppDatabase, { tag, statements }: Migration, redact: Context["redact"]): void {
  const index = judgeStatements(statements).indexOf("refuse");
  if (index < 0) return;
  const statement = redact(statements[index]!);
  throw drizzleError("ERR_MIGRATION_STATEMENT", {
    message: `${database.name}: statement ${index + 1} of ${tag} cannot run in the transaction of all databases: ${statement}`,
    hint: "Remove it from the migration. The plugin begins and commits by itself, with foreign keys off; only the whole of COMMIT; PRAGMA foreign_keys=OFF; BEGIN; … COMMIT; PRAGMA foreign_keys=ON; BEGIN is skipped.",
    details: { database: database.name, migration: tag, number: index + 1, statement },
  });
}

function editedError({ name, path, migrations }: AppDatabase, edited: readonly Migration[]): Error {
  return drizzleError("ERR_MIGRATION_EDITED", {
    message: `${name} (${path}): ${names(edited)} is applied with another text than the release has.`,
    hint: `Restore the file in ${migrations}, and put the change into a new migration.`,
    details: { database: name, migrations: edited.map(({ tag }) => tag) },
  });
}

function orderError(
  { name, path }: AppDatabase,
  late: readonly Migration[],
  applied: readonly AppliedMigration[],
): Error {
  const newest = time(Math.max(...applied.map(({ when }) => when)));
  return drizzleError("ERR_MIGRATION_OUT_OF_ORDER", {
    message: `${name} (${path}): ${names(late)} is not newer than the newest applied migration, of ${newest}. Drizzle would skip it.`,
    hint: 'Remove it and generate it again with drizzle-kit, so that it comes after what is applied; or set `outOfOrder: "apply"`, if the order does not matter.',
    details: { database: name, migrations: late.map(({ tag }) => tag), newest },
  });
}

function brokenError({ name, path }: AppDatabase, breaking: readonly CommittedMigration[]): Error {
  return drizzleError("ERR_DATABASE_AHEAD", {
    message: `${name} (${path}) has migrations that the release does not know, and that were not safe for the release before them: ${names(breaking)}.`,
    hint: "Deploy a revision that has them, or take them back first: `deployer db undo`, which says what would be lost.",
    details: { database: name, breaking: breaking.map(({ tag }) => tag) },
  });
}

function aheadError({ name, path }: AppDatabase, foreign: readonly AppliedMigration[]): Error {
  return drizzleError("ERR_DATABASE_AHEAD", {
    message: `${name} (${path}) has migrations that the release does not know and that this deployer did not commit: ${describeRows(foreign)}.`,
    hint: "Deploy a revision that has them: the older code may not work with this schema.",
    details: { database: name, unknown: foreign },
  });
}
