import type { CommandContext } from "@deployer/core";
import Database from "better-sqlite3";
import { drizzleError } from "./errors.ts";
import type { JournalDatabase } from "./journal.ts";
import { type PastMigration, pastMigrations } from "./past-migrations.ts";
import { settleJournals } from "./settle-journals.ts";
import { isSameMark, writeMark } from "./write-mark.ts";

/** All pages in one step: SQLite begins anew whenever the app writes between two. */
const ALL_PAGES = 0x7fffffff;
const PATIENCE_MS = 5_000;

export interface Restored {
  readonly text: string;
  readonly run: string;
  readonly restored: readonly string[];
  /** Writes may have been lost, because `--lose-writes` was given. */
  readonly writesLost: boolean;
}

/**
 * Puts the snapshots of a migration back into the live files, by SQLite's backup: the app keeps its connections and sees
 * the old state from one moment to the next. One database after the other.
 * @throws ERR_WRITES_WOULD_BE_LOST unless nothing was written since the migration, or `--lose-writes` is given
 */
export async function restoreSnapshot(context: CommandContext): Promise<Restored> {
  await settleJournals(context, { migrated: () => undefined, oneWay: () => undefined });
  const losesWrites = context.args.includes("--lose-writes");
  const run = context.args.find((word) => !word.startsWith("-"));
  const { journal } = chosen(await pastMigrations(context), run);
  const databases = journal.databases.filter(({ snapshot }) => snapshot !== null);
  const written = databases.filter((database) => !isSameMark(database.committed, writeMark(database.path)));
  if (written.length > 0 && !losesWrites) throw wouldLose(written, journal.run);
  for (const database of databases) await restore(database);
  const restored = databases.map(({ name }) => name);
  return {
    text: `Restored from the snapshot of run ${journal.run}: ${restored.join(", ")}.${written.length > 0 ? " What was written since is gone." : ""}`,
    run: journal.run,
    restored,
    writesLost: written.length > 0,
  };
}

function chosen(past: readonly PastMigration[], run: string | undefined): PastMigration {
  const found = past.find(({ journal, hasSnapshots }) => hasSnapshots && (run === undefined || journal.run === run));
  if (found !== undefined) return found;
  throw drizzleError("ERR_NO_SNAPSHOT", {
    message: run === undefined ? "There is no snapshot." : `There is no snapshot of run ${run}.`,
    hint: "See `deployer db snapshots`: the newest three are kept.",
  });
}

async function restore({ name, path, snapshot }: JournalDatabase): Promise<void> {
  const source = new Database(snapshot!, { fileMustExist: true, timeout: PATIENCE_MS });
  try {
    await source.backup(path, { progress: () => ALL_PAGES });
  } catch (cause) {
    throw drizzleError("ERR_RESTORE_FAILED", {
      message: `The snapshot of "${name}" could not be put into ${path}: ${(cause as Error).message}.`,
      hint: "That database is as it was. Mend what the message names, and run the command again.",
      details: { database: name, file: path },
      cause,
    });
  } finally {
    source.close();
  }
}

function wouldLose(written: readonly JournalDatabase[], run: string): Error {
  const databases = written.map(({ name }) => name);
  return drizzleError("ERR_WRITES_WOULD_BE_LOST", {
    message: `${databases.join(", ")}: written to since the migration of run ${run}, as far as can be told. A restore would lose these writes.`,
    hint: "To go back and keep them, use `deployer db undo`. To lose them knowingly: `deployer db restore --lose-writes`.",
    details: { databases, run },
  });
}
