import { randomBytes, randomUUID } from "node:crypto";
import { chownSync, linkSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { FileSystem } from "@deployer/core";
import Database from "better-sqlite3";
import { applyPending } from "./apply.ts";
import type { AppDatabase } from "./databases.ts";
import type { JournalDatabase } from "./journal.ts";
import type { Setup } from "./setup.ts";

const MARK = ".deployer-new-";
const RESERVE_MARK = ".deployer-reserve-";
const RESERVE_BYTES = 2 * 2 ** 20;
const COMPANIONS = ["", "-wal", "-shm", "-journal"];

/** A database that is complete, under a name that nobody opens. */
export interface NewDatabase {
  readonly database: JournalDatabase;
  readonly temporary: string;
  /** Gives it its real name; never takes the place of a file that has come meanwhile. */
  place(): void;
  /** Takes the real name back, when nothing else was committed yet. */
  withdraw(): void;
  /** Removes the temporary name. */
  discard(): void;
}

/** Makes a database from its migrations alone, beside the place where it will stand. */
export function makeNewDatabase(database: JournalDatabase, setup: Setup): NewDatabase {
  const { path } = database;
  const temporary = `${path}${MARK}${randomUUID()}`;
  let placed = false;
  const discard = (): void => removeWithCompanions(temporary);
  try {
    mkdirSync(dirname(path), { recursive: true });
    build(temporary, database, setup);
  } catch (error) {
    discard();
    throw error;
  }
  return {
    database,
    temporary,
    place() {
      linkSync(temporary, path);
      placed = true;
    },
    withdraw() {
      if (placed) rmSync(path, { force: true });
    },
    discard,
  };
}

/**
 * Takes room on the disk of a database, to be given back right before its COMMIT: a disk that another process fills
 * meanwhile must not be met by the second COMMIT. Random bytes, which no file system makes smaller.
 */
export function reserveRoom(path: string): Disposable {
  const reserve = `${path}${RESERVE_MARK}${randomUUID()}`;
  const release = (): void => rmSync(reserve, { force: true });
  try {
    writeFileSync(reserve, randomBytes(RESERVE_BYTES), { mode: 0o600 });
  } catch (error) {
    release();
    throw error;
  }
  return { [Symbol.dispose]: release };
}

/** Removes what a killed run left beside a database's place. */
export async function removeLeftovers({ path }: Pick<AppDatabase, "path">, fs: FileSystem): Promise<string[]> {
  const directory = dirname(path);
  if ((await fs.resolve(directory)) === undefined) return [];
  const leftovers = (await fs.list(directory)).filter((name) =>
    [MARK, RESERVE_MARK].some((mark) => name.startsWith(`${basename(path)}${mark}`)),
  );
  for (const name of leftovers) await fs.remove(join(directory, name));
  return leftovers;
}

function build(path: string, { name, pending }: JournalDatabase, setup: Setup): void {
  const db = new Database(path);
  try {
    // Before the first page is written: SQLite gives the companions the owner of the file.
    giveToOwnerOfDirectory(path);
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = FULL");
    db.pragma("foreign_keys = OFF");
    setup(db, name);
    db.transaction(() => applyPending(db, pending)).immediate();
  } finally {
    // The last connection moves the WAL into the file and removes it, so that one name is the whole database.
    db.close();
  }
}

// A run as root would else leave a database that the app's user cannot write.
function giveToOwnerOfDirectory(path: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  chownSync(path, uid, gid);
}

function removeWithCompanions(path: string): void {
  for (const suffix of COMPANIONS) rmSync(`${path}${suffix}`, { force: true });
}
