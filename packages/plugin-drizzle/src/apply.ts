import type { Database } from "better-sqlite3";
import { createMigrationsTable, type NamedMigration, recordApplied } from "./applied.ts";
import { foreignKeyViolations, newViolations } from "./foreign-keys.ts";
import { isSeenChange } from "./row-changes.ts";
import { sqliteCode } from "./sqlite.ts";

/** A migration to be run, as plain JSON: the rehearsal runs in another process. */
export interface PendingMigration {
  readonly tag: string;
  readonly when: number;
  readonly hash: string;
  readonly statements: readonly { readonly sql: string; readonly skip: boolean }[];
  /** Its file says that it breaks the release before. */
  readonly acknowledged?: boolean;
  /** Only with drizzle 1.0: the name of its folder, and on the first one those of all that the release has. */
  readonly name?: string;
  readonly allNames?: readonly NamedMigration[];
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

/** A statement of a migration, counted from 1 within it. */
export interface StatementAt {
  readonly migration: string;
  readonly number: number;
  readonly statement: string;
}

/** Hears of each statement before it runs. */
export type OnStatement = (at: StatementAt) => void;

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
export function applyPending(
  db: Database,
  pending: readonly PendingMigration[],
  onStatement: OnStatement = () => undefined,
): DataChange[] {
  const changes: DataChange[] = [];
  const before = foreignKeyViolations(db);
  const known = tableNames(db);
  createMigrationsTable(db, pending[0]?.allNames);
  for (const migration of pending) {
    changes.push(...runMigration(db, migration, known, onStatement));
    recordApplied(db, migration);
  }
  const orphans = newViolations(before, foreignKeyViolations(db));
  if (orphans.length > 0)
    throw new MigrationFailure({ reason: `rows would point at rows that are gone: ${orphans.join(", ")}` });
  return changes;
}

/** What a statement of a migration did to rows. */
export interface DataChange extends StatementAt {
  /** Written, triggers included. */
  readonly rows: number;
  /** No schema shows it, and the running release sees its rows change, or more of them. */
  readonly isSeen: boolean;
}

function runMigration(
  db: Database,
  { tag, statements }: PendingMigration,
  known: ReadonlySet<string>,
  onStatement: OnStatement,
): DataChange[] {
  const changes: DataChange[] = [];
  const total = db.prepare("SELECT total_changes()").pluck();
  for (const [index, { sql, skip }] of statements.entries()) {
    if (skip) continue;
    const at = { migration: tag, number: index + 1, statement: sql };
    const before = total.get() as number;
    onStatement(at);
    runStatement(db, at);
    changes.push({ ...at, rows: (total.get() as number) - before, isSeen: isSeenChange(sql, known) });
  }
  return changes;
}

/** Tables and views that were there before, in capitals. */
function tableNames(db: Database): Set<string> {
  return new Set(
    db.prepare("SELECT upper(name) FROM sqlite_master WHERE type IN ('table', 'view')").pluck().all() as string[],
  );
}

/** Runs one statement in the transaction that is open. @throws MigrationFailure */
export function runStatement(db: Database, at: StatementAt): void {
  try {
    const statement = db.prepare(at.statement);
    if (statement.reader) statement.all();
    else statement.run();
  } catch (error) {
    throw new MigrationFailure({ ...at, reason: (error as Error).message, sqlite: sqliteCode(error) }, error);
  }
  // What is known to end it was refused before. Should anything else do so, what came next would be committed at once.
  if (!db.inTransaction) throw new MigrationFailure({ ...at, reason: "the statement ended the transaction" });
}
