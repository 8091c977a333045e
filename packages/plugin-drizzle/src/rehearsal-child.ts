// Runs as a process of its own: copying must not stop the run's heartbeat, and no file of a live database may be opened
// and closed in the process that later holds its locks, or the kernel drops them.
import { chmodSync } from "node:fs";
import { text } from "node:stream/consumers";
import Database from "better-sqlite3";
import {
  applyPending,
  type DataChange,
  MigrationFailure,
  type MigrationProblem,
  type PendingMigration,
} from "./apply.ts";
import { readSchema, type Schema } from "./schema.ts";
import { sqliteCode } from "./sqlite.ts";

/** One database to copy and to migrate. */
export interface RehearsalTask {
  /** The live file; `null`: a new database, made from the migrations alone. */
  readonly source: string | null;
  readonly target: string;
  readonly journalMode: string;
  /** Permission bits of the copy: nobody may read it who may not read the live file. */
  readonly mode: number;
  readonly pending: readonly PendingMigration[];
}

export type RehearsalResult =
  | {
      readonly outcome: "ok";
      readonly schema: Schema;
      readonly milliseconds: number;
      readonly changes: readonly DataChange[];
    }
  | { readonly outcome: "copy-failed"; readonly problem: MigrationProblem }
  | { readonly outcome: "migration-failed"; readonly problem: MigrationProblem };

/** The first failure ends it: the last result tells why. */
function rehearseAll(tasks: readonly RehearsalTask[]): RehearsalResult[] {
  const results: RehearsalResult[] = [];
  for (const task of tasks) {
    const result = rehearse(task);
    results.push(result);
    if (result.outcome !== "ok") break;
  }
  return results;
}

function rehearse(task: RehearsalTask): RehearsalResult {
  try {
    if (task.source !== null) copy(task.source, task.target);
    return migrateCopy(task);
  } catch (error) {
    return { outcome: "copy-failed", problem: { reason: (error as Error).message, sqlite: sqliteCode(error) } };
  }
}

function copy(source: string, target: string): void {
  const db = new Database(source, { readonly: true, fileMustExist: true });
  try {
    db.prepare("VACUUM INTO ?").run(target);
  } finally {
    db.close();
  }
}

function migrateCopy({ source, target, journalMode, mode, pending }: RehearsalTask): RehearsalResult {
  const db = new Database(target, { fileMustExist: source !== null });
  try {
    chmodSync(target, mode);
    db.pragma(`journal_mode = ${journalMode === "wal" ? "WAL" : "DELETE"}`);
    db.pragma("synchronous = OFF");
    db.pragma("foreign_keys = OFF");
    const began = performance.now();
    const changes = pending.length > 0 ? db.transaction(() => applyPending(db, pending)).immediate() : [];
    return { outcome: "ok", schema: readSchema(db), milliseconds: performance.now() - began, changes };
  } catch (error) {
    if (error instanceof MigrationFailure) return { outcome: "migration-failed", problem: error.problem };
    throw error;
  } finally {
    db.close();
  }
}

process.umask(0o077);
process.stdout.write(`${JSON.stringify(rehearseAll(JSON.parse(await text(process.stdin)) as RehearsalTask[]))}\n`);
