import type { Context } from "@deployer/core";
import Database from "better-sqlite3";
import { checkpoint, commitAll, makeDurable } from "./commit.ts";
import { drizzleError } from "./errors.ts";
import { foreignKeyViolations, newViolations } from "./foreign-keys.ts";
import { reserveAll, versionsOf, writeMarks } from "./held-run.ts";
import { type HeldDatabase, lockAll, openAll } from "./held-transactions.ts";
import { writeJournal } from "./journal.ts";
import { readSchema, schemaDifference } from "./schema.ts";
import { CannotUndo, undoSchema } from "./schema-undo.ts";
import { beginSnapshots } from "./snapshot.ts";
import { loadTrustedSetup } from "./trusted-setup.ts";
import type { UndoDatabase, UndoJournal } from "./undo-journal.ts";
import { type Loss, lossesOf } from "./undo-losses.ts";

/** What is lost, by database. */
export type LossesByName = ReadonlyMap<string, readonly Loss[]>;

/**
 * Undoes databases of a journal that is written, as one unit, and keeps it: all of them, or those that a crash left over. Until
 * the first COMMIT an error, a signal, or the death of this process leaves every database as it was.
 * `allows` sees exactly what would be lost, while nobody can write, and may refuse.
 * @returns how long they were locked, in milliseconds
 * @throws HeldFailure, ERR_UNDO_IMPOSSIBLE and what `allows` throws, with nothing changed; ERR_MIGRATION_INCOMPLETE
 */
export async function undoTogether(
  path: string,
  given: UndoJournal,
  names: readonly string[],
  allows: (losses: LossesByName) => void,
  context: Context,
): Promise<number> {
  const { clock, env, signal } = context;
  let journal = given;
  const keep = (change: Partial<UndoJournal>): void => {
    journal = { ...journal, ...change };
    writeJournal(path, journal);
  };
  const mine = journal.databases.filter(({ name }) => names.includes(name));
  const setup = await loadTrustedSetup(journal.setup, mine, context);
  // What a crash left over has its snapshot.
  using snapshots = await beginSnapshots(journal.state === "prepared" ? mine : [], env);
  using reserve = reserveAll(mine);
  using held = openAll(mine, setup);
  await lockAll(held.databases, clock);
  const began = clock.elapsed();
  const losses = new Map<string, readonly Loss[]>();
  for (const database of held.databases) {
    refuseDrift(database);
    snapshots.finish(database.database.name);
    losses.set(database.database.name, undoHeld(database));
  }
  allows(losses);
  await snapshots.durable();
  signal.throwIfAborted();
  keep({ state: "committing" });
  reserve[Symbol.dispose]();
  const versions = versionsOf(held.databases);
  const outcome = commitAll(held.databases, { redo: (it) => void undoHeld(it), onCommitted: () => undefined });
  if (outcome.failed !== undefined) {
    if (outcome.committed.length === 0 && given.state === "prepared") throw outcome.failed.error;
    throw notCommitted(outcome.failed.held, outcome.failed.error);
  }
  const lockedMs = clock.elapsed() - began;
  snapshots[Symbol.dispose]();
  for (const database of outcome.committed) checkpoint(database);
  const marks = writeMarks(held.databases, versions);
  makeDurable(held.databases);
  const marked = journal.databases.map((it) => ({ ...it, committed: marks.get(it.name) ?? it.committed }));
  keep({ state: "done", databases: marked });
  return lockedMs;
}

export function impossible(
  { name, path }: Pick<UndoDatabase, "name" | "path">,
  reason: string,
  cause?: unknown,
): Error {
  return drizzleError("ERR_UNDO_IMPOSSIBLE", {
    message: `The migration of "${name}" (${path}) cannot be undone: ${reason}. Nothing was changed.`,
    hint: "Write a migration that goes on from here, or return to the snapshot and give up what was written since: `deployer db restore --lose-writes`.",
    details: { database: name, reason },
    cause,
  });
}

function refuseDrift({ database, connection }: HeldDatabase): void {
  const drift = schemaDifference(database.before, readSchema(connection));
  if (drift.length > 0) throw impossible(database as UndoDatabase, `its schema changed meanwhile: ${drift.join(", ")}`);
}

function undoHeld({ database, connection }: HeldDatabase): Loss[] {
  const { source, after, pending, ...named } = database as UndoDatabase;
  const snapshot = new Database(source, { fileMustExist: true });
  try {
    const violations = foreignKeyViolations(connection);
    const losses = lossesOf(connection, snapshot);
    const hashes = pending.map(({ hash }) => hash);
    losses.push(...undoSchema(connection, snapshot, hashes));
    const orphans = newViolations(violations, foreignKeyViolations(connection));
    if (orphans.length > 0) throw new CannotUndo(`rows would point at rows that are gone: ${orphans.join(", ")}`);
    const strange = schemaDifference(after ?? {}, readSchema(connection));
    if (strange.length > 0) throw new CannotUndo(`the schema would be another one than before: ${strange.join(", ")}`);
    return losses;
  } catch (error) {
    if (error instanceof CannotUndo || error instanceof Database.SqliteError)
      throw impossible(named, error.message, error);
    throw error;
  } finally {
    snapshot.close();
  }
}

function notCommitted({ database }: HeldDatabase, cause: unknown): Error {
  return drizzleError("ERR_MIGRATION_INCOMPLETE", {
    message: `Undoing could not be committed in "${database.name}" (${database.path}): ${(cause as Error).message}. Each database is whole.`,
    hint: "Mend what the message names and run `deployer check`: the next run undoes the rest first.",
    details: { failed: database.name },
    cause,
  });
}
