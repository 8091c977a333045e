import type { Clock } from "@deployer/core";
import Database from "better-sqlite3";
import { MigrationFailure } from "./apply.ts";
import { HeldFailure } from "./held-failure.ts";
import type { JournalDatabase, JournalFile } from "./journal.ts";
import type { Setup } from "./setup.ts";
import { isBusy, sqliteCode } from "./sqlite.ts";

/** How long all databases together may stay out of reach, and the pause between two tries. */
const PATIENCE_MS = 5_000;
const SHORTEST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 25;

/** How long one database may be out of reach while others are locked already. */
const NEXT_PATIENCE_MS = 25;

/** For `cache_size`: in KiB when negative. Below the room that is reserved for each database. */
export const HELD_CACHE = -1_600;

/** Reading the main file through the page cache makes indexes and updates about a third faster; 2 GB is SQLite's most. */
export const HELD_MAP_BYTES = 0x7fff_0000;

/** A database of the unit that exists. */
export type LiveJournalDatabase = JournalDatabase & { readonly live: JournalFile };

/** A connection with a write transaction open. */
export interface HeldDatabase {
  readonly database: LiveJournalDatabase;
  readonly connection: Database.Database;
}

/** All of them; disposing rolls back whatever is still open and closes every connection. */
export interface HeldDatabases extends Disposable {
  readonly databases: readonly HeldDatabase[];
}

/** Opens a connection for each database, as a migration needs it. Nothing is locked yet. */
export function openAll(databases: readonly LiveJournalDatabase[], setup: Setup): HeldDatabases {
  const opened: HeldDatabase[] = [];
  const all: HeldDatabases = {
    databases: opened,
    [Symbol.dispose]: () => {
      for (const { connection } of opened) connection.close();
    },
  };
  try {
    for (const database of databases) opened.push({ database, connection: open(database, setup) });
    return all;
  } catch (error) {
    all[Symbol.dispose]();
    throw error;
  }
}

/**
 * Begins a write transaction on every database, all or none. It never waits for one while it holds another: an app that
 * writes to the others would wait as well, and one that locks them in another order would never end.
 */
export async function lockAll(
  databases: readonly HeldDatabase[],
  clock: Pick<Clock, "elapsed" | "sleep">,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  const began = clock.elapsed();
  for (let busy = tryLockAll(databases); busy !== undefined; busy = tryLockAll(databases)) {
    if (clock.elapsed() - began > patienceMs) throw new HeldFailure(busy.database.name, { kind: "busy", patienceMs });
    await clock.sleep(SHORTEST_PAUSE_MS + Math.random() * (LONGEST_PAUSE_MS - SHORTEST_PAUSE_MS));
  }
}

/**
 * Begins a write transaction on one database while others are held. It waits for no longer than a write of the app takes:
 * meanwhile the app waits for the others, or is about to lock them in another order.
 * @returns whether it is locked
 */
export function lockNext({ database, connection }: HeldDatabase): boolean {
  connection.pragma(`busy_timeout = ${NEXT_PATIENCE_MS}`);
  try {
    connection.prepare("BEGIN IMMEDIATE").run();
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw openFailure(database.name, error);
  } finally {
    connection.pragma("busy_timeout = 0");
  }
}

function open({ name, live }: LiveJournalDatabase, setup: Setup): Database.Database {
  try {
    const connection = new Database(live.path, { fileMustExist: true, timeout: 0 });
    // Before BEGIN: inside a transaction it does nothing, and a rebuild would delete the children of its table.
    connection.pragma("foreign_keys = OFF");
    // A COMMIT into the log is made durable after the locks are gone (see commit.ts), others as they happen.
    connection.pragma(`synchronous = ${live.journalMode === "wal" ? "NORMAL" : "FULL"}`);
    // A COMMIT that includes a checkpoint takes several times as long, and so does the moment between two of them.
    connection.pragma("wal_autocheckpoint = 0");
    // A small cache writes early: a full disk is then met by a statement, not by the second COMMIT. What is left for the
    // COMMIT fits into the reserve.
    connection.pragma(`cache_size = ${HELD_CACHE}`);
    connection.pragma(`mmap_size = ${HELD_MAP_BYTES}`);
    setup(connection, name);
    return connection;
  } catch (error) {
    if (error instanceof MigrationFailure)
      throw new HeldFailure(name, { kind: "migration", problem: error.problem }, error);
    throw openFailure(name, error);
  }
}

/** Answers the first database that another process is writing to; nothing is locked then. */
function tryLockAll(databases: readonly HeldDatabase[]): HeldDatabase | undefined {
  for (const held of databases) {
    try {
      held.connection.prepare("BEGIN IMMEDIATE").run();
    } catch (error) {
      releaseAll(databases);
      if (isBusy(error)) return held;
      throw openFailure(held.database.name, error);
    }
  }
  return undefined;
}

export function releaseAll(databases: readonly HeldDatabase[]): void {
  for (const { connection } of databases) rollBack(connection);
}

export function rollBack(connection: Database.Database): void {
  if (connection.inTransaction) connection.prepare("ROLLBACK").run();
}

function openFailure(name: string, error: unknown): HeldFailure {
  const problem = { reason: (error as Error).message, sqlite: sqliteCode(error) };
  return new HeldFailure(name, { kind: "open", problem }, error);
}
