import { closeSync, fdatasyncSync, fsyncSync, openSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { HeldFailure } from "./held-failure.ts";
import type { LiveJournalDatabase } from "./held-transactions.ts";
import { type PinnedCopy, pinnedCopy } from "./pinned-copy.ts";

/**
 * Snapshots of databases, each to be finished under its lock. Until they are disposed of, nobody can move what is
 * committed meanwhile out of the log.
 */
export interface Snapshots extends Disposable {
  /** Makes a database's the state of this moment. Called when it is locked and nothing has run yet; again after a ROLLBACK. */
  finish(name: string): void;
  /** Resolves when all would survive a power cut. */
  durable(): Promise<void>;
}

const NOTHING: PinnedCopy = {
  takeLog: () => undefined,
  sync: async () => undefined,
  [Symbol.dispose]: () => undefined,
};

/** Copies the main files, without a lock; what is long is done when this resolves. */
export async function beginSnapshots(
  databases: readonly LiveJournalDatabase[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Snapshots> {
  const copies: { readonly database: LiveJournalDatabase; readonly copy: PinnedCopy }[] = [];
  const dispose = (): void => {
    for (const { copy } of copies) copy[Symbol.dispose]();
  };
  try {
    for (const database of databases.filter(({ snapshot }) => snapshot !== null)) {
      const copy = await attempt(database, () =>
        database.live.journalMode === "wal"
          ? pinnedCopy(database.live.path, database.snapshot!, env)
          : Promise.resolve(NOTHING),
      );
      copies.push({ database, copy });
      await attempt(database, () => copy.sync());
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    finish(name) {
      for (const { database, copy } of copies.filter((it) => it.database.name === name)) {
        try {
          if (copy === NOTHING) vacuumInto(database.live.path, database.snapshot!);
          else copy.takeLog();
        } catch (error) {
          throw snapshotFailure(database, error);
        }
      }
    },
    durable: async () => {
      const folders = new Set(copies.map(({ database }) => dirname(database.snapshot!)));
      for (const folder of folders) syncDirectory(folder);
      await Promise.all(copies.map(({ database, copy }) => attempt(database, () => copy.sync())));
    },
    [Symbol.dispose]: dispose,
  };
}

// Not in WAL mode there is no log to follow: the whole copy is made under the lock.
function vacuumInto(source: string, target: string): void {
  rmSync(target, { force: true });
  // SQLite takes an empty file as it is, and would make one by the umask.
  closeSync(openSync(target, "wx", 0o600));
  const db = new Database(source, { readonly: true, fileMustExist: true });
  try {
    db.prepare("VACUUM INTO ?").run(target);
  } finally {
    db.close();
  }
  const file = openSync(target, "r+");
  try {
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

async function attempt<T>(database: LiveJournalDatabase, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw snapshotFailure(database, error);
  }
}

function snapshotFailure({ name }: LiveJournalDatabase, error: unknown): HeldFailure {
  return new HeldFailure(name, { kind: "snapshot", reason: (error as Error).message }, error);
}
