import Database from "better-sqlite3";

/** How long reading waits for a writer of a database that is not in WAL mode. */
const READ_TIMEOUT_MS = 5_000;

/** Opens a live database for reading only, and never makes one. In WAL mode, -wal and -shm may appear beside it. */
export function readDatabase<T>(path: string, read: (db: Database.Database) => T): T {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: READ_TIMEOUT_MS });
  try {
    return read(db);
  } finally {
    db.close();
  }
}

/** SQLite's own code, as "SQLITE_BUSY_SNAPSHOT"; `undefined` of an error that is not SQLite's. */
export function sqliteCode(error: unknown): string | undefined {
  return error instanceof Database.SqliteError ? error.code : undefined;
}

export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(sqliteCode(error) ?? "");
}

export function isDamaged(error: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test(sqliteCode(error) ?? "");
}
