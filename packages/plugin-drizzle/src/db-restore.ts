import type { CommandContext } from "@deployer/core";
import { type CopyBack, CopyBackFailure, copyBack } from "./copy-back.ts";
import { drizzleError } from "./errors.ts";
import type { JournalDatabase } from "./journal.ts";
import { type PastMigration, pastMigrations } from "./past-migrations.ts";
import { settleJournals } from "./settle-journals.ts";
import { isUndo } from "./undo-journal.ts";
import { isSameMark, writeMark } from "./write-mark.ts";

const PATIENCE_MS = 5_000;
const LOOK_EVERY_MS = 20;

export interface Restored {
  readonly text: string;
  readonly run: string;
  readonly restored: readonly string[];
  /** Writes may have been lost, because `--lose-writes` was given. */
  readonly writesLost: boolean;
}

/**
 * Puts the snapshots of a migration back into the live files, by SQLite's backup: the app keeps its connections and sees
 * the old state from one moment to the next. While nobody can write to any of them it is seen whether somebody has.
 * @throws ERR_WRITES_WOULD_BE_LOST unless nothing was written since the migration, or `--lose-writes` is given
 */
export async function restoreSnapshot(
  { run, losesWrites }: { readonly run?: string | undefined; readonly losesWrites: boolean },
  context: CommandContext,
): Promise<Restored> {
  await settleJournals(context, { migrated: () => undefined, oneWay: () => undefined });
  const { journal } = chosen(await pastMigrations(context), run);
  const databases = journal.databases.filter(hasSnapshot);
  const writtenSince = (): JournalDatabase[] =>
    databases.filter(({ committed, path }) => !isSameMark(committed, writeMark(path)));
  let written = writtenSince();
  const refuse = (): void => {
    if (written.length > 0 && !losesWrites) throw wouldLose(written, journal.run);
  };
  refuse();
  await restoreAll(databases, context, () => {
    // Looked at twice: opening a file of a process that died may change what its mark is read from.
    written = [...new Set([...written, ...writtenSince()])];
    refuse();
  });
  const restored = databases.map(({ name }) => name);
  return {
    text: `Restored from the snapshot of run ${journal.run}: ${restored.join(", ")}.${written.length > 0 ? " What was written since is gone." : ""}`,
    run: journal.run,
    restored,
    writesLost: written.length > 0,
  };
}

function chosen(past: readonly PastMigration[], run: string | undefined): PastMigration {
  const found = past.find(
    ({ journal, hasSnapshots }) => hasSnapshots && (run === undefined ? !isUndo(journal) : journal.run === run),
  );
  if (found !== undefined) return found;
  throw drizzleError("ERR_NO_SNAPSHOT", {
    message: run === undefined ? "There is no snapshot." : `There is no snapshot of run ${run}.`,
    hint: "See `deployer db snapshots`: the newest three are kept.",
  });
}

async function restoreAll(
  databases: readonly (JournalDatabase & CopyBack)[],
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

function hasSnapshot(database: JournalDatabase): database is JournalDatabase & CopyBack {
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
