import { join } from "node:path";
import type { CommandContext } from "@deployer/core";
import { readApplied } from "./applied.ts";
import type { JournalDatabase, MigrationJournal } from "./journal.ts";
import { lookAtDatabase } from "./live-database.ts";
import { readSchema } from "./schema.ts";
import { snapshotPath } from "./snapshots.ts";
import { readDatabase } from "./sqlite.ts";

/** A database whose migration is being taken back. */
export type UndoDatabase = JournalDatabase & {
  readonly live: NonNullable<JournalDatabase["live"]>;
  /** The snapshot of before the migration: the schema to go back to. */
  readonly source: string;
  /** The snapshot of before the undo. */
  readonly snapshot: string;
};

/** The durable intent of an undo. `pending` are the migrations that it takes back. */
export interface UndoJournal extends MigrationJournal {
  readonly undoes: string;
  readonly databases: readonly UndoDatabase[];
}

export function isUndo(journal: MigrationJournal): journal is UndoJournal {
  return journal.undoes !== undefined;
}

/** Looks at the databases anew: they are no longer what they were when the migration was committed. */
export async function draftUndo(
  undone: MigrationJournal,
  databases: readonly JournalDatabase[],
  losesRows: boolean,
  context: CommandContext,
): Promise<UndoJournal> {
  const { clock, fs, paths, run } = context;
  const directory = join(paths.snapshots, run.id);
  const drafts: UndoDatabase[] = [];
  for (const database of databases) {
    const { name, path } = database;
    const live = await lookAtDatabase({ ...database, migrations: "", env: undefined }, fs);
    if (live === undefined) throw new Error(`the database "${name}" (${path}) is gone`);
    const { device, inode, journalMode } = live;
    drafts.push({
      ...database,
      live: { path: live.path, device, inode, journalMode },
      ...readDatabase(live.path, (db) => ({ applied: readApplied(db), before: readSchema(db) })),
      after: database.before,
      source: database.snapshot!,
      snapshot: snapshotPath(directory, name),
      committed: null,
    });
  }
  return {
    ...{ version: 1, run: run.id, release: undone.release, at: new Date(clock.now()).toISOString() },
    ...{ state: "prepared", process: null, limitMs: 0, setup: undone.setup },
    ...{ undoes: undone.run, losesRows, databases: drafts },
  };
}
