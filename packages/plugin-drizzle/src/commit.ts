import { closeSync, fdatasyncSync, openSync, statSync } from "node:fs";
import { type HeldDatabase, rollBack } from "./held-transactions.ts";

/** A COMMIT of a database that is not in WAL mode waits this long for its readers. */
const COMMIT_TIMEOUT_MS = 250;
const RETRIES = 3;

/** How far committing came. Every database is whole either way. */
export interface CommitOutcome {
  readonly committed: readonly HeldDatabase[];
  /** The one that could not be committed, and why. Those after it were not tried. */
  readonly failed?: { readonly held: HeldDatabase; readonly error: unknown };
}

/**
 * Commits one after the other. An error at the first leaves everything as it was. At a later one, that database is
 * locked and migrated once more by `redo`, a few times: those before it cannot be taken back.
 */
export function commitAll(
  databases: readonly HeldDatabase[],
  { redo, onCommitted }: { redo(held: HeldDatabase): void; onCommitted(held: HeldDatabase): void },
): CommitOutcome {
  const committed: HeldDatabase[] = [];
  for (const held of commitOrder(databases)) {
    try {
      commit(held, committed.length === 0 ? 0 : RETRIES, redo);
    } catch (error) {
      return { committed, failed: { held, error } };
    }
    committed.push(held);
    onCommitted(held);
  }
  return { committed };
}

/** The likeliest to fail comes first, where a failure still undoes all: not in WAL mode, then with the most to write. */
export function commitOrder(databases: readonly HeldDatabase[]): HeldDatabase[] {
  const isWal = ({ database }: HeldDatabase): number => (database.live.journalMode === "wal" ? 1 : 0);
  const bytes = new Map(databases.map((held) => [held, unwrittenBytes(held)]));
  return [...databases].sort((a, b) => isWal(a) - isWal(b) || bytes.get(b)! - bytes.get(a)!);
}

function commit(held: HeldDatabase, retries: number, redo: (held: HeldDatabase) => void): void {
  const { connection } = held;
  connection.pragma(`busy_timeout = ${COMMIT_TIMEOUT_MS}`);
  for (let attempt = 0; ; attempt += 1) {
    try {
      if (attempt > 0) {
        connection.prepare("BEGIN IMMEDIATE").run();
        redo(held);
      }
      connection.prepare("COMMIT").run();
      return;
    } catch (error) {
      rollBack(connection);
      if (attempt === retries) throw error;
    }
  }
}

// What a transaction spilled so far stands in the -wal or -journal file, whose size may be asked without opening it.
function unwrittenBytes({ database: { live } }: HeldDatabase): number {
  const sizes = ["-wal", "-journal"].map(
    (suffix) => statSync(live.path + suffix, { throwIfNoEntry: false })?.size ?? 0,
  );
  return Math.max(...sizes);
}

/**
 * Makes COMMITs into the log survive a power cut. It is done after the locks are gone, because a large log takes a while
 * and the app would wait; until then the journal says that any part may be missing, and the next run looks.
 */
export function makeDurable(databases: readonly HeldDatabase[]): void {
  for (const { database } of databases) {
    const log = `${database.live.path}-wal`;
    if (statSync(log, { throwIfNoEntry: false }) === undefined) continue;
    // Closing a log drops no lock, which is true of no other file of a database.
    const file = openSync(log, "r");
    try {
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

/** Moves what was committed into the main file, as far as that goes without waiting for anybody; makes it durable first. */
export function checkpoint({ connection }: HeldDatabase): void {
  try {
    connection.pragma("wal_checkpoint(PASSIVE)");
  } catch {
    // The app's next checkpoint does it.
  }
}
