import { chmodSync } from "node:fs";
import Database from "better-sqlite3";

export interface DeployLock {
  release(): void;
}

/**
 * Takes the right to deploy, or answers `undefined` when another process has it.
 *
 * The lock is an exclusive SQLite transaction: the kernel frees it when its holder dies, by SIGKILL or by a reboot, so a
 * dead holder never blocks and nobody has to judge whether one is dead. Nothing else in this process may open the file:
 * closing any descriptor of it would drop the kernel's lock.
 */
export function takeLock(path: string): DeployLock | undefined {
  const database = new Database(path, { timeout: 0 });
  try {
    chmodSync(path, 0o600);
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY")) return undefined;
    throw error;
  }
  return {
    release() {
      if (!database.open) return;
      database.exec("ROLLBACK");
      database.close();
    },
  };
}
