import type { Context } from "@deployer/core";
import { readApplied } from "./applied.ts";
import { isReadable, type MigrationJournal, readJournals } from "./journal.ts";
import { isRestore } from "./restore-journal.ts";
import { readDatabase } from "./sqlite.ts";
import { isUndo } from "./undo-journal.ts";

/** A migration that was committed, with which of its databases still have it; or an undo or a restore, which none has. */
export interface PastMigration {
  readonly journal: MigrationJournal;
  /** Names of databases that existed before it and have its rows. */
  readonly inForce: readonly string[];
  /** Its snapshots are all still there. */
  readonly hasSnapshots: boolean;
}

/** Newest first. */
export async function pastMigrations(context: Pick<Context, "fs" | "paths">): Promise<PastMigration[]> {
  const done = (await readJournals(context)).filter(isReadable).filter(({ state }) => state === "done");
  return Promise.all(
    done.reverse().map(async (journal) => {
      const snapshots = journal.databases.flatMap(({ snapshot }) => snapshot ?? []);
      const there = await Promise.all(snapshots.map((path) => context.fs.resolve(path)));
      return {
        journal,
        inForce:
          isUndo(journal) || isRestore(journal) ? [] : journal.databases.filter(isInForce).map(({ name }) => name),
        hasSnapshots: snapshots.length > 0 && there.every((file) => file !== undefined),
      };
    }),
  );
}

function isInForce({ path, live, pending }: MigrationJournal["databases"][number]): boolean {
  if (live === null) return false;
  try {
    const hashes = readDatabase(path, readApplied).map(({ hash }) => hash);
    return pending.every(({ hash }) => hashes.includes(hash));
  } catch {
    return false;
  }
}
