import { join } from "node:path";
import type { CommandContext } from "@deployer/core";
import { type CopyBack, CopyBackFailure, copyBack } from "./copy-back.ts";
import { appDatabases } from "./databases.ts";
import { drizzleError } from "./errors.ts";
import { heldError } from "./held-error.ts";
import { HeldFailure } from "./held-failure.ts";
import type { LiveJournalDatabase } from "./held-transactions.ts";
import { type JournalDatabase, journalPath, type MigrationJournal, writeJournal } from "./journal.ts";
import type { DrizzleOptions } from "./options.ts";
import { type PastMigration, pastMigrations } from "./past-migrations.ts";
import { draftRestore, isRestore, type RestoreJournal } from "./restore-journal.ts";
import { foretellRestore } from "./restore-plan.ts";
import { refuseNeeded } from "./served-needs.ts";
import { settleJournals } from "./settle-journals.ts";
import { beginSnapshots } from "./snapshot.ts";
import { pruneSnapshots } from "./snapshots.ts";
import { loadTrustedSetup } from "./trusted-setup.ts";
import { isUndo } from "./undo-journal.ts";
import { isSameMark, writeMark } from "./write-mark.ts";

const PATIENCE_MS = 5_000;
const LOOK_EVERY_MS = 20;

export interface RestoreInput {
  /** Whose snapshot; the newest of before a migration unless given. */
  readonly run: string | undefined;
  /** What was written since may be lost. */
  readonly losesWrites: boolean;
  /** The release that is served may break. */
  readonly breaksServed: boolean;
}

export interface Restored {
  readonly text: string;
  readonly run: string;
  readonly restored: readonly string[];
  /** Writes may have been lost, because `--lose-writes` was given. */
  readonly writesLost: boolean;
  /** The run by whose name `db restore` finds the snapshot of before the restore. */
  readonly snapshot: string;
}

type ToRestore = JournalDatabase & CopyBack;

/**
 * Puts the snapshots of a migration back into the live files, by SQLite's backup: the app keeps its connections and sees
 * the old state from one moment to the next. It says first what becomes of the rows, and keeps a snapshot of today. While
 * nobody can write to any of the files it is seen whether somebody has.
 * @throws ERR_RELEASE_NEEDS_SCHEMA; ERR_WRITES_WOULD_BE_LOST unless nothing was written since, or `--lose-writes` is given
 */
export async function restoreSnapshot(
  options: DrizzleOptions,
  input: RestoreInput,
  context: CommandContext,
): Promise<Restored> {
  await settleJournals(context, { migrated: () => undefined, oneWay: () => undefined });
  const { journal: past } = chosen(await pastMigrations(context), input.run);
  const databases = past.databases.filter(hasSnapshot);
  const writtenSince = (): ToRestore[] =>
    databases.filter(({ committed, path }) => !isSameMark(committed, writeMark(path)));
  let written = writtenSince();
  const refuse = (): void => {
    if (written.length > 0 && !input.losesWrites) throw wouldLose(written, past.run);
  };
  for (const database of databases) {
    const rows = foretellRestore(database);
    if (rows !== undefined) context.info(`${database.name}: back to the snapshot of ${past.at}: ${rows}.`);
  }
  const journal = await draftRestore(past, databases, context);
  await refuseUnfit(options, input, past, journal, context);
  refuse();
  await keepingToday(journal, context, (keep) =>
    restoreAll(databases, context, () => {
      // Looked at twice: opening a file of a process that died may change what its mark is read from.
      written = [...new Set([...written, ...writtenSince()])];
      refuse();
      keep();
    }),
  );
  const restored = databases.map(({ name }) => name);
  const lines = [
    `Restored from the snapshot of run ${past.run}: ${restored.join(", ")}.${written.length > 0 ? " What was written since is gone." : ""}`,
    `What was there before: \`deployer db restore ${journal.run} --lose-writes\`.`,
  ];
  return { text: lines.join("\n"), run: past.run, restored, writesLost: written.length > 0, snapshot: journal.run };
}

/** Would the release that is served work with what the snapshots have? */
async function refuseUnfit(
  options: DrizzleOptions,
  { run, losesWrites, breaksServed }: RestoreInput,
  past: MigrationJournal,
  { databases }: RestoreJournal,
  context: CommandContext,
): Promise<void> {
  const command = ["deployer db restore", run, losesWrites ? "--lose-writes" : undefined].filter(Boolean).join(" ");
  const sources = new Map(past.databases.map(({ name, snapshot }) => [name, snapshot]));
  const going = databases
    .filter(({ live }) => live !== null)
    .map((database) => ({ ...database, source: sources.get(database.name)! }));
  const setup = await loadTrustedSetup(past.setup, databases, context);
  const expects = isUndo(past) ? "without" : "with";
  await refuseNeeded(going, appDatabases(options, context.paths), { command, setup, breaksServed, expects }, context);
}

/**
 * Makes a snapshot of today beside `restore`, which calls `keep` when all files are locked and before it copies a page.
 * The journal tells the next run of a restore that died between two files.
 */
async function keepingToday(
  journal: RestoreJournal,
  { env, fs, paths, redact }: CommandContext,
  restore: (keep: () => void) => Promise<void>,
): Promise<void> {
  const path = journalPath(paths, journal.run);
  const directory = join(paths.snapshots, journal.run);
  for (const folder of [paths.migrations, paths.snapshots]) await fs.makeDirectory(folder, 0o700);
  // The journal first: the next run then removes the folder of one that dies right here.
  writeJournal(path, journal);
  await fs.createDirectory(directory, 0o700);
  const today = journal.databases.filter(isLive);
  let isBegun = false;
  try {
    using snapshots = await beginSnapshots(today, env);
    await restore(() => {
      for (const { name } of today) snapshots.finish(name);
      writeJournal(path, { ...journal, state: "committing" });
      isBegun = true;
    });
    await snapshots.durable();
  } catch (error) {
    // What was begun and failed is a person's: the error says so, and the snapshot of today is kept.
    if (!isBegun) await fs.remove(directory);
    writeJournal(path, { ...journal, state: isBegun ? "done" : "aborted", cutOff: true });
    if (!(error instanceof HeldFailure)) throw error;
    throw heldError({ outcome: "failed", database: error.database, problem: error.problem }, today, redact);
  }
  // Without marks: whether the app has written since cannot be told, and so `--lose-writes` is asked for.
  writeJournal(path, { ...journal, state: "done" });
  await pruneSnapshots({ fs, paths });
}

function isLive(database: JournalDatabase): database is LiveJournalDatabase {
  return database.live !== null;
}

function chosen(past: readonly PastMigration[], run: string | undefined): PastMigration {
  const found = past.find(
    ({ journal, hasSnapshots }) =>
      hasSnapshots && (run === undefined ? !isUndo(journal) && !isRestore(journal) : journal.run === run),
  );
  if (found !== undefined) return found;
  throw drizzleError("ERR_NO_SNAPSHOT", {
    message: run === undefined ? "There is no snapshot." : `There is no snapshot of run ${run}.`,
    hint: "See `deployer db snapshots`: the newest three are kept.",
  });
}

async function restoreAll(
  databases: readonly ToRestore[],
  { clock, signal, info }: CommandContext,
  check: () => void,
): Promise<void> {
  const began = clock.elapsed();
  let told = false;
  try {
    while (!(await copyBack(databases, check))) {
      if (!told) info("Waiting for somebody who writes to one of the databases.");
      told = true;
      if (clock.elapsed() - began > PATIENCE_MS) throw locked(databases);
      await clock.sleep(LOOK_EVERY_MS, signal);
    }
  } catch (error) {
    if (!(error instanceof CopyBackFailure)) throw error;
    const { name, path } = error.copy;
    throw drizzleError("ERR_RESTORE_FAILED", {
      message: `The snapshot of "${name}" could not be put into ${path}: ${error.message}.`,
      hint: "That database is as it was. Mend what the message names, and run the command again.",
      details: { database: name, file: path },
      cause: error,
    });
  }
}

function hasSnapshot(database: JournalDatabase): database is ToRestore {
  return database.snapshot !== null;
}

function locked(databases: readonly JournalDatabase[]): Error {
  return drizzleError("ERR_RESTORE_FAILED", {
    message: `${databases.map(({ name }) => name).join(", ")}: somebody has been writing to one of them for ${PATIENCE_MS / 1000} s. Nothing was restored.`,
    hint: "Look for a long transaction of the app, or stop it, and run the command again.",
    details: { databases: databases.map(({ name }) => name) },
  });
}

function wouldLose(written: readonly JournalDatabase[], run: string): Error {
  const databases = written.map(({ name }) => name);
  return drizzleError("ERR_WRITES_WOULD_BE_LOST", {
    message: `${databases.join(", ")}: written to since the migration of run ${run}, as far as can be told. A restore would lose these writes.`,
    hint: "To go back to the schema and keep them, use `deployer db undo`, which says what it cannot keep. To lose them knowingly: `deployer db restore --lose-writes`.",
    details: { databases, run },
  });
}
