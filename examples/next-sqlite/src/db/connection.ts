import type { Database, Options } from "better-sqlite3";

export const connectionOptions: Options = {
  // Databases are made by migrations. A missing file is an error, not a reason to start with an empty shop.
  fileMustExist: true,
  // How long a writer waits for another one: two instances of this app share each database.
  timeout: 5_000,
};

/** Readers and one writer side by side, and foreign keys that are enforced. */
export function tune(connection: Database): Database {
  connection.pragma("journal_mode = WAL");
  connection.pragma("synchronous = NORMAL");
  connection.pragma("foreign_keys = ON");
  return connection;
}

/** Opens at the first use, then keeps it open. `next build` imports every route, and must not open what it does not read. */
export function lazy<T>(open: () => T): () => T {
  let opened: T | undefined;
  return () => (opened ??= open());
}
