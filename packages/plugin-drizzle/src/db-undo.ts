import type { CommandContext } from "@deployer/core";
import Database from "better-sqlite3";
import { checkpoint, commitAll, makeDurable } from "./commit.ts";
import { drizzleError } from "./errors.ts";
import { foreignKeyViolations, newViolations } from "./foreign-keys.ts";
import { heldError } from "./held-error.ts";
import { HeldFailure } from "./held-failure.ts";
import { type HeldDatabase, type LiveJournalDatabase, lockAll, openAll } from "./held-transactions.ts";
import { type PastMigration, pastMigrations } from "./past-migrations.ts";
import { readSchema, schemaDifference } from "./schema.ts";
import { CannotUndo, undoSchema } from "./schema-undo.ts";
import { settleJournals } from "./settle-journals.ts";
import { loadSetup } from "./setup.ts";

export interface Undone {
  readonly text: string;
  /** The run whose migration was undone. */
  readonly run: string;
  readonly undone: Readonly<Record<string, readonly string[]>>;
  readonly lockedMs: number;
}

/**
 * Takes the newest migration back in all its databases together: the schema of before, the rows of today. What the
 * migration's own columns and tables hold is given up.
 * @throws ERR_UNDO_IMPOSSIBLE with nothing changed
 */
export async function undoMigration(context: CommandContext): Promise<Undone> {
  await settleJournals(context, { migrated: () => undefined, oneWay: () => undefined });
  const { journal, inForce } = lastUndoable(await pastMigrations(context));
  const mine = journal.databases.filter(
    (database): database is LiveJournalDatabase => database.live !== null && inForce.includes(database.name),
  );
  const lockedMs = await undoTogether(mine, journal.setup, context);
  const undone = Object.fromEntries(mine.map(({ name, pending }) => [name, pending.map(({ tag }) => tag)]));
  const made = journal.databases.filter(({ live }) => live === null).map(({ name }) => name);
  const lines = [
    ...Object.entries(undone).map(([name, tags]) => `${name}: ${tags.join(", ")} undone; every row is kept.`),
    ...made.map((name) => `${name} was made by that migration and stays as it is.`),
    `The databases were locked for ${Math.ceil(lockedMs)} ms. The next deployment applies the migrations again, unless its release lacks them.`,
  ];
  return { text: lines.join("\n"), run: journal.run, undone, lockedMs };
}

function lastUndoable(past: readonly PastMigration[]): PastMigration {
  const last = past.find(({ inForce }) => inForce.length > 0);
  if (last?.hasSnapshots) return last;
  throw drizzleError("ERR_UNDO_IMPOSSIBLE", {
    message:
      last === undefined
        ? "No database has a migration that this deployer committed and remembers."
        : `The snapshots of run ${last.journal.run} are gone, and the schema of before with them.`,
    hint: "See `deployer db snapshots`. An older schema can be had by a new migration.",
  });
}

async function undoTogether(
  databases: readonly LiveJournalDatabase[],
  setup: string | null,
  context: CommandContext,
): Promise<number> {
  const { clock, redact } = context;
  try {
    // Loaded into this process: the release that is served is trusted with more than that.
    using held = openAll(databases, await loadSetup(setup));
    await lockAll(held.databases, clock);
    const began = clock.elapsed();
    for (const database of held.databases) undoHeld(database);
    const outcome = commitAll(held.databases, { redo: undoHeld, onCommitted: () => undefined });
    if (outcome.failed !== undefined) throw notCommitted(outcome.failed.held, outcome.failed.error);
    const lockedMs = clock.elapsed() - began;
    for (const database of outcome.committed) checkpoint(database);
    makeDurable(held.databases);
    return lockedMs;
  } catch (error) {
    if (!(error instanceof HeldFailure)) throw error;
    throw heldError({ outcome: "failed", database: error.database, problem: error.problem }, databases, redact);
  }
}

function undoHeld({ database, connection }: HeldDatabase): void {
  const { name, path, pending, after, before } = database;
  const drift = after === null ? [] : schemaDifference(after, readSchema(connection));
  if (drift.length > 0) throw impossible(name, path, `its schema changed since: ${drift.join(", ")}`);
  const snapshot = new Database(database.snapshot!, { fileMustExist: true });
  try {
    const violations = foreignKeyViolations(connection);
    const hashes = pending.map(({ hash }) => hash);
    undoSchema(connection, snapshot, hashes);
    const orphans = newViolations(violations, foreignKeyViolations(connection));
    if (orphans.length > 0) throw new CannotUndo(`rows would point at rows that are gone: ${orphans.join(", ")}`);
    const strange = schemaDifference(before, readSchema(connection));
    if (strange.length > 0) throw new CannotUndo(`the schema would be another one than before: ${strange.join(", ")}`);
  } catch (error) {
    if (error instanceof CannotUndo || error instanceof Database.SqliteError)
      throw impossible(name, path, error.message, error);
    throw error;
  } finally {
    snapshot.close();
  }
}

function impossible(name: string, path: string, reason: string, cause?: unknown): Error {
  return drizzleError("ERR_UNDO_IMPOSSIBLE", {
    message: `The migration of "${name}" (${path}) cannot be undone without losing something: ${reason}. Nothing was changed.`,
    hint: "Write a migration that goes on from here, or return to the snapshot and give up what was written since: `deployer db restore --lose-writes`.",
    details: { database: name, reason },
    cause,
  });
}

function notCommitted({ database }: HeldDatabase, cause: unknown): Error {
  return drizzleError("ERR_MIGRATION_INCOMPLETE", {
    message: `Undoing could not be committed in "${database.name}" (${database.path}): ${(cause as Error).message}. Each database is whole.`,
    hint: "Mend what the message names and run `deployer db undo` again: it goes on with the databases that are left.",
    details: { failed: database.name },
    cause,
  });
}
