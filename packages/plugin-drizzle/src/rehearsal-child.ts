// Runs as a process of its own: copying must not stop the run's heartbeat, and no file of a live database may be opened
// and closed in the process that later holds its locks, or the kernel drops them.
import { closeSync, fdatasyncSync, openSync } from "node:fs";
import Database from "better-sqlite3";
import {
  applyPending,
  type DataChange,
  MigrationFailure,
  type MigrationProblem,
  type PendingMigration,
} from "./apply.ts";
import { loadReportedSetup, readWork, reportAnswer, reportStep, statementReporter } from "./child-report.ts";
import { HELD_CACHE, HELD_MAP_BYTES } from "./held-transactions.ts";
import { pinnedCopy } from "./pinned-copy.ts";
import { readSchema, type Schema } from "./schema.ts";
import { sqliteCode } from "./sqlite.ts";

/** One database to copy and to migrate. */
export interface RehearsalTask {
  /** The live file; `null`: a new database, made from the migrations alone. */
  readonly source: string | null;
  readonly name: string;
  /** The release's setup module. */
  readonly setup: string | null;
  readonly target: string;
  readonly journalMode: string;
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
async function rehearseAll(tasks: readonly RehearsalTask[]): Promise<RehearsalResult[]> {
  const results: RehearsalResult[] = [];
  for (const task of tasks) {
    const result = await rehearse(task);
    results.push(result);
    if (result.outcome !== "ok") break;
  }
  return results;
}

async function rehearse(task: RehearsalTask): Promise<RehearsalResult> {
  try {
    if (task.source !== null) await copy(task.source, task);
    const result = await migrateCopy(task);
    // What is written back later would meet the app's own syncs, and ours under the lock.
    if (task.pending.length > 0) syncFile(task.target);
    return result;
  } catch (error) {
    return { outcome: "copy-failed", problem: { reason: (error as Error).message, sqlite: sqliteCode(error) } };
  }
}

/** Without any lock in WAL mode. In others there is no log to follow, and SQLite makes the copy, page by page. */
async function copy(source: string, { target, journalMode }: RehearsalTask): Promise<void> {
  if (journalMode !== "wal") return vacuumInto(source, target);
  using copied = await pinnedCopy(source, target, process.env);
  copied.takeLog();
}

function vacuumInto(source: string, target: string): void {
  const db = new Database(source, { readonly: true, fileMustExist: true });
  try {
    db.prepare("VACUUM INTO ?").run(target);
  } finally {
    db.close();
  }
}

async function migrateCopy(task: RehearsalTask): Promise<RehearsalResult> {
  const { source, target, journalMode, pending } = task;
  const db = new Database(target, { fileMustExist: source !== null });
  try {
    db.pragma(`journal_mode = ${journalMode === "wal" ? "WAL" : "DELETE"}`);
    db.pragma("synchronous = OFF");
    db.pragma("foreign_keys = OFF");
    // As under the lock, so that the time it takes is that of the lock.
    db.pragma(`cache_size = ${HELD_CACHE}`);
    db.pragma(`mmap_size = ${HELD_MAP_BYTES}`);
    db.pragma("wal_autocheckpoint = 0");
    if (pending.length > 0) (await loadReportedSetup(task.setup, task.name))(db, task.name);
    // A damaged page may lie where no statement of the migrations looks.
    if (pending.length > 0) checkPages(db);
    const report = statementReporter(task.name);
    const began = performance.now();
    const changes = pending.length > 0 ? db.transaction(() => applyPending(db, pending, report)).immediate() : [];
    reportStep(null);
    return { outcome: "ok", schema: readSchema(db), milliseconds: performance.now() - began, changes };
  } catch (error) {
    if (error instanceof MigrationFailure) return { outcome: "migration-failed", problem: error.problem };
    throw error;
  } finally {
    db.close();
  }
}

function syncFile(path: string): void {
  const file = openSync(path, "r+");
  try {
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}

function checkPages(db: Database.Database): void {
  const found = db.pragma("quick_check(1)", { simple: true });
  if (found !== "ok") throw new Database.SqliteError(String(found), "SQLITE_CORRUPT");
}

reportAnswer(await rehearseAll(await readWork<readonly RehearsalTask[]>()));
