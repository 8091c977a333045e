import type { Context } from "@deployer/core";
import Database from "better-sqlite3";
import { drizzleError } from "./errors.ts";
import { type LiveDatabase, openError } from "./live-database.ts";
import type { DatabasePlan } from "./plan.ts";
import { isBusy } from "./sqlite.ts";

/** How long all databases together may stay out of reach, and the pause between two tries. */
const PATIENCE_MS = 5_000;
const SHORTEST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 25;

/** A plan for a database that exists. */
export type LivePlan = DatabasePlan & { readonly live: LiveDatabase };

/** A connection with a write transaction open. */
export interface HeldDatabase {
  readonly plan: LivePlan;
  readonly connection: Database.Database;
}

/** All of them; disposing rolls back whatever is still open and closes every connection. */
export interface HeldDatabases extends Disposable {
  readonly databases: readonly HeldDatabase[];
}

/**
 * Begins a write transaction on every database, all or none. It never waits for one while it holds another: an app that
 * writes to the others would wait as well, and one that locks them in another order would never end.
 * @throws ERR_DATABASE_BUSY
 */
export async function holdAll(
  plans: readonly LivePlan[],
  { clock, signal }: Pick<Context, "clock" | "signal">,
): Promise<HeldDatabases> {
  const databases: HeldDatabase[] = [];
  const held: HeldDatabases = {
    databases,
    [Symbol.dispose]: () => {
      for (const { connection } of databases) connection.close();
    },
  };
  try {
    for (const plan of plans) databases.push({ plan, connection: open(plan) });
    const began = clock.elapsed();
    for (let busy = lockAll(databases); busy !== undefined; busy = lockAll(databases)) {
      if (clock.elapsed() - began > PATIENCE_MS) throw busyError(busy);
      await clock.sleep(SHORTEST_PAUSE_MS + Math.random() * (LONGEST_PAUSE_MS - SHORTEST_PAUSE_MS), signal);
    }
    return held;
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  }
}

function open({ database, live }: LivePlan): Database.Database {
  try {
    const connection = new Database(live.path, { fileMustExist: true, timeout: 0 });
    // Before BEGIN: inside a transaction it does nothing, and a rebuild would delete the children of its table.
    connection.pragma("foreign_keys = OFF");
    connection.pragma("synchronous = FULL");
    // A COMMIT that includes a checkpoint takes several times as long, and so does the moment between two of them.
    connection.pragma("wal_autocheckpoint = 0");
    // A small cache writes early: a full disk is then met by a statement, not by the second COMMIT.
    connection.pragma("cache_size = 100");
    return connection;
  } catch (error) {
    throw openError(database, error);
  }
}

/** Answers the first database that another process is writing to; nothing is locked then. */
function lockAll(databases: readonly HeldDatabase[]): HeldDatabase | undefined {
  for (const held of databases) {
    try {
      held.connection.prepare("BEGIN IMMEDIATE").run();
    } catch (error) {
      releaseAll(databases);
      if (isBusy(error)) return held;
      throw openError(held.plan.database, error);
    }
  }
  return undefined;
}

function releaseAll(databases: readonly HeldDatabase[]): void {
  for (const { connection } of databases) rollBack(connection);
}

export function rollBack(connection: Database.Database): void {
  if (connection.inTransaction) connection.prepare("ROLLBACK").run();
}

function busyError({ plan: { database } }: HeldDatabase): Error {
  return drizzleError("ERR_DATABASE_BUSY", {
    message: `Another process kept the database "${database.name}" (${database.path}) locked for ${PATIENCE_MS / 1000} s. Nothing was changed.`,
    hint: `Find it with \`fuser ${database.path}\`, and deploy again when it has finished.`,
    details: { database: database.name, file: database.path, patienceMs: PATIENCE_MS },
  });
}
