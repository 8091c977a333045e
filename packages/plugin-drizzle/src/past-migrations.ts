import type { Context, DeployError } from "@deployer/core";
import { readApplied } from "./applied.ts";
import { isReadable, type JournalDatabase, type MigrationJournal, readJournals } from "./journal.ts";
import { openError } from "./live-database.ts";
import { isRestore } from "./restore-journal.ts";
import { readDatabase } from "./sqlite.ts";
import { isUndo } from "./undo-journal.ts";

/** A migration that was committed, with which of its databases still have it; or an undo or a restore, which none has. */
export interface PastMigration {
  readonly journal: MigrationJournal;
  /** Names of databases that existed before it and have its rows. */
  readonly inForce: readonly string[];
  /** Why it is not known of others. */
  readonly unreadable: readonly DeployError[];
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
      const states = isUndo(journal) || isRestore(journal) ? [] : journal.databases.map(stateOf);
      return {
        journal,
        inForce: journal.databases.filter((_it, index) => states[index] === "in force").map(({ name }) => name),
        unreadable: states.filter((state) => typeof state !== "string"),
        hasSnapshots: snapshots.length > 0 && there.every((file) => file !== undefined),
      };
    }),
  );
}

type State = "in force" | "gone" | DeployError;

function stateOf({ name, path, live, pending }: JournalDatabase): State {
  if (live === null) return "gone";
  try {
    const hashes = readDatabase(path, readApplied).map(({ hash }) => hash);
    return pending.every(({ hash }) => hashes.includes(hash)) ? "in force" : "gone";
  } catch (error) {
    return openError({ name, path }, error);
  }
}
