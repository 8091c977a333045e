import type { Database } from "better-sqlite3";
import { createMigrationsTable, recordApplied } from "./applied.ts";
import { foreignKeyViolations, newViolations } from "./foreign-keys.ts";
import { sqliteCode } from "./sqlite.ts";

/** A migration to be run, as plain JSON: the rehearsal runs in another process. */
export interface PendingMigration {
  readonly tag: string;
  readonly when: number;
  readonly hash: string;
  readonly statements: readonly { readonly sql: string; readonly skip: boolean }[];
}

/** Where and why migrations failed, as plain JSON. */
export interface MigrationProblem {
  /** What happened, for a person. */
  readonly reason: string;
  readonly migration?: string;
  /** Counted from 1 within the migration. */
  readonly number?: number;
  readonly statement?: string;
  readonly sqlite?: string | undefined;
}

/** Thrown inside a transaction that its caller rolls back. */
export class MigrationFailure extends Error {
  readonly problem: MigrationProblem;

  constructor(problem: MigrationProblem, cause?: unknown) {
    super(problem.reason, { cause });
    this.problem = problem;
  }
}

/** What a thrown error says about a migration; anything that is not SQLite's is a defect and is thrown on. */
export function problemOf(error: unknown): MigrationProblem {
  if (error instanceof MigrationFailure) return error.problem;
  const sqlite = sqliteCode(error);
  if (sqlite === undefined) throw error;
  return { reason: (error as Error).message, sqlite };
}

/**
 * Runs pending migrations in the transaction that is open, and writes drizzle's rows. Foreign keys must have been off
 * when it began: a rebuild drops its table, and ON DELETE CASCADE would take the children along. Only violations that
 * were not there before fail.
 */
export function applyPending(db: Database, pending: readonly PendingMigration[]): void {
  const before = foreignKeyViolations(db);
  createMigrationsTable(db);
  for (const migration of pending) {
    runMigration(db, migration);
    recordApplied(db, migration);
  }
  const orphans = newViolations(before, foreignKeyViolations(db));
  if (orphans.length > 0)
    throw new MigrationFailure({ reason: `rows would point at rows that are gone: ${orphans.join(", ")}` });
}

function runMigration(db: Database, { tag, statements }: PendingMigration): void {
  for (const [index, { sql, skip }] of statements.entries()) {
    if (skip) continue;
    const at = { migration: tag, number: index + 1, statement: sql };
    try {
      const statement = db.prepare(sql);
      if (statement.reader) statement.all();
      else statement.run();
    } catch (error) {
      throw new MigrationFailure({ ...at, reason: (error as Error).message, sqlite: sqliteCode(error) }, error);
    }
    // What is known to end it was refused before. Should anything else do so, what came next would be committed at once.
    if (!db.inTransaction) throw new MigrationFailure({ ...at, reason: "the statement ended the transaction" });
  }
}
