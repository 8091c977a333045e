import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import type { DeployError, FileInfo, FileSystem } from "@deployer/core";
import type { Database } from "better-sqlite3";
import { type AppliedMigration, readApplied } from "./applied.ts";
import type { AppDatabase } from "./databases.ts";
import { drizzleError } from "./errors.ts";
import { isBusy, isDamaged, readDatabase, sqliteCode } from "./sqlite.ts";

/** What a live database was when a run looked at it, without touching it. */
export interface LiveDatabase {
  /** The real path: -wal and -shm lie beside it. */
  readonly path: string;
  readonly device: number;
  readonly inode: number;
  /** Of the file and its log: what a copy of both takes. */
  readonly bytes: number;
  readonly journalMode: string;
  readonly applied: readonly AppliedMigration[];
}

/** Looks at a live file, read only; `undefined` when there is none. Each way in which it is unfit is its own error. */
export async function lookAtDatabase(database: AppDatabase, fs: FileSystem): Promise<LiveDatabase | undefined> {
  const file = await fs.resolve(database.path);
  if (file === undefined) {
    if ((await fs.look(database.path)) === undefined) return undefined;
    throw unreadable(database, "is a link that leads nowhere");
  }
  checkFile(database, file);
  const path = await fs.realPath(database.path);
  const wal = await fs.look(`${path}-wal`);
  const bytes = file.size + (wal?.size ?? 0);
  try {
    return { path, device: file.device, inode: file.inode, bytes, ...readDatabase(path, contents) };
  } catch (error) {
    throw openError(database, error);
  }
}

/** What SQLite says of a database that could not be opened or read. */
export function openError(database: Pick<AppDatabase, "name" | "path">, error: unknown): DeployError {
  const { name, path } = database;
  const code = sqliteCode(error);
  const details = { database: name, file: path, sqlite: code };
  const said = `${error instanceof Error ? error.message : String(error)}${code === undefined ? "" : `, ${code}`}`;
  if (isDamaged(error)) {
    return drizzleError("ERR_DATABASE_DAMAGED", {
      message: `The database "${name}" (${path}) is damaged or no SQLite database: ${said}.`,
      hint: `Look at it with \`sqlite3 ${path} "PRAGMA integrity_check"\`, and restore it from a backup.`,
      details,
      cause: error,
    });
  }
  if (isBusy(error)) {
    return drizzleError("ERR_DATABASE_BUSY", {
      message: `The database "${name}" (${path}) is locked by another process: ${said}.`,
      hint: `Find it with \`fuser ${path}\`, and deploy again when it has finished.`,
      details,
      cause: error,
      mayPass: true,
    });
  }
  return unreadable(database, `cannot be opened: ${said}`, error);
}

function contents(db: Database): Pick<LiveDatabase, "journalMode" | "applied"> {
  return {
    applied: readApplied(db),
    journalMode: String(db.pragma("journal_mode", { simple: true })),
  };
}

function checkFile(database: AppDatabase, file: FileInfo): void {
  const { name, path } = database;
  const details = { database: name, file: path };
  if (file.kind !== "file") throw unreadable(database, `is a ${file.kind}, not a file`);
  if (file.size === 0) {
    throw drizzleError("ERR_DATABASE_EMPTY", {
      message: `The database "${name}" (${path}) is an empty file.`,
      hint: "Restore it from a backup, or remove the file to have the database made anew.",
      details,
    });
  }
  if (file.links > 1) {
    throw drizzleError("ERR_DATABASE_HARD_LINKED", {
      message: `The database "${name}" (${path}) has ${file.links} names (hard links): processes that open it by different ones destroy it.`,
      hint: `Find them with \`find / -xdev -inum ${file.inode}\` and keep one; a symbolic link is safe.`,
      details: { ...details, links: file.links },
    });
  }
  if (database.migrations !== undefined && !isWritable(path, file.mode)) {
    throw drizzleError("ERR_DATABASE_READ_ONLY", {
      message: `The database "${name}" (${path}) or its directory cannot be written by this user.`,
      hint: "Run the deployer as the user that runs the app, or correct owner and mode of the file and its directory.",
      details,
    });
  }
}

// Root may write whatever the mode says, but a file that nobody may write is meant to be left alone.
function isWritable(path: string, mode: number): boolean {
  if ((mode & 0o222) === 0) return false;
  try {
    for (const place of [path, dirname(path)]) accessSync(place, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function unreadable({ name, path }: Pick<AppDatabase, "name" | "path">, what: string, cause?: unknown): DeployError {
  return drizzleError("ERR_DATABASE_UNREADABLE", {
    message: `The database "${name}" (${path}) ${what}.`,
    hint: `Look at it with \`ls -lL ${path}\`; the deployer must be able to read it.`,
    details: { database: name, file: path, sqlite: sqliteCode(cause) },
    cause,
  });
}
