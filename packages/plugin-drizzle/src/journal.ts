import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Context, ProcessIdentity } from "@deployer/core";
import type { AppliedMigration } from "./applied.ts";
import type { PendingMigration } from "./apply.ts";
import type { Schema } from "./schema.ts";
import type { WriteMark } from "./write-mark.ts";

/**
 * How far a migration came: `prepared`, nothing is committed; `committing`, any part may be; `done`, all of it is;
 * `aborted`, nothing is and nothing will be.
 */
type JournalState = "prepared" | "committing" | "done" | "aborted";

/** A database of the unit: what it was, and what is to be done with it. */
export interface JournalDatabase {
  readonly name: string;
  /** How the plugin's memory names it. */
  readonly file: string;
  /** As configured; links are followed. */
  readonly path: string;
  /** The file it was; `null`: a new database. */
  readonly live: JournalFile | null;
  readonly applied: readonly AppliedMigration[];
  readonly before: Schema;
  /** The schema that the migrations end with; `null` until that is known. */
  readonly after: Schema | null;
  readonly pending: readonly PendingMigration[];
  /** Which of them the release before does not survive. */
  readonly oneWay?: readonly string[];
  /** Milliseconds that the statements took on the copy: the longest goes first. */
  readonly predictedMs: number;
  /** The main file of its snapshot. */
  readonly snapshot: string | null;
  /** What the file looked like right after the COMMIT, to tell later whether the app has written since. */
  readonly committed: WriteMark | null;
}

export interface JournalFile {
  /** The real path: -wal and -shm lie beside it. */
  readonly path: string;
  readonly device: number;
  readonly inode: number;
  readonly journalMode: string;
}

/** The durable intent of one migration: enough to finish it without the release that brought it. */
export interface MigrationJournal {
  readonly version: 1;
  readonly run: string;
  readonly release: string;
  readonly at: string;
  readonly state: JournalState;
  /** The process that migrates. Nobody may decide about the databases while it is alive. */
  readonly process: ProcessIdentity | null;
  /** How long the databases may stay locked before anything is committed. */
  readonly limitMs: number;
  /** The app's setup module, for connections that migrate. */
  readonly setup: string | null;
  /** Of an undo: the run whose migrations it takes back (see undo-journal.ts). */
  readonly undoes?: string;
  /** Of a restore: the run whose snapshots it puts back (see restore-journal.ts). */
  readonly restores?: string;
  /** Of a restore: it died in the middle. */
  readonly cutOff?: boolean;
  /** Of an undo: a person said that rows may be lost. */
  readonly losesRows?: boolean;
  readonly databases: readonly JournalDatabase[];
}

/** A journal that cannot be read: what it is instead. */
export interface UnreadableJournal {
  readonly path: string;
  readonly reason: string;
}

export function journalPath(paths: Context["paths"], run: string): string {
  return join(paths.migrations, `${run}.json`);
}

/**
 * Readers see the old journal or the new one, and what they see survives a power cut. Synchronous: the process that
 * calls it holds locks, and nothing else may happen meanwhile.
 */
export function writeJournal(path: string, journal: MigrationJournal): void {
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  const file = openSync(temporary, "w", 0o600);
  try {
    writeFileSync(file, `${JSON.stringify(journal, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const directory = openSync(dirname(path), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** All journals, oldest first: their names begin with the second of the run. */
export async function readJournals({
  fs,
  paths,
}: Pick<Context, "fs" | "paths">): Promise<(MigrationJournal | UnreadableJournal)[]> {
  if ((await fs.resolve(paths.migrations)) === undefined) return [];
  const names = (await fs.list(paths.migrations)).filter((name) => name.endsWith(".json") && !name.startsWith("."));
  return Promise.all(names.sort().map((name) => readJournal(join(paths.migrations, name), fs)));
}

export async function readJournal(path: string, fs: Context["fs"]): Promise<MigrationJournal | UnreadableJournal> {
  const text = await fs.readText(path);
  let found: Partial<MigrationJournal>;
  try {
    found = JSON.parse(text) as Partial<MigrationJournal>;
  } catch {
    return { path, reason: "is torn: it is no whole JSON" };
  }
  if (found?.version !== 1)
    return { path, reason: `is of version ${found?.version ?? "unknown"}, and this is version 1` };
  if (!Array.isArray(found.databases) || typeof found.run !== "string" || typeof found.state !== "string")
    return { path, reason: "lacks a part" };
  return found as MigrationJournal;
}

export function isReadable(journal: MigrationJournal | UnreadableJournal): journal is MigrationJournal {
  return "version" in journal;
}
