import { join } from "node:path";
import { type CommandContext, type Context, DeployError } from "@deployer/core";
import { readApplied } from "./applied.ts";
import { type JournalDatabase, journalPath, type MigrationJournal, writeJournal } from "./journal.ts";
import { lookAtDatabase } from "./live-database.ts";
import { readSchema } from "./schema.ts";
import { snapshotPath } from "./snapshots.ts";
import { readDatabase } from "./sqlite.ts";

/** The durable intent of a restore. Its own snapshots are those of before it. */
export interface RestoreJournal extends MigrationJournal {
  /** The run whose snapshots are put back. */
  readonly restores: string;
}

export function isRestore(journal: MigrationJournal): journal is RestoreJournal {
  return journal.restores !== undefined;
}

/** Of a database that is gone or damaged there is nothing to keep: that is told, and it is restored all the same. */
export async function draftRestore(
  past: MigrationJournal,
  databases: readonly JournalDatabase[],
  context: CommandContext,
): Promise<RestoreJournal> {
  const { clock, paths, run } = context;
  const directory = join(paths.snapshots, run.id);
  const drafts: JournalDatabase[] = [];
  for (const database of databases) {
    const today = await lookAtToday(database, context);
    const snapshot = today === undefined ? null : snapshotPath(directory, database.name);
    drafts.push({ ...database, live: null, applied: [], before: {}, after: null, snapshot, committed: null, ...today });
  }
  return {
    ...{ version: 1, run: run.id, release: past.release, at: new Date(clock.now()).toISOString() },
    ...{ state: "prepared", process: null, limitMs: 0, setup: null },
    ...{ restores: past.run, databases: drafts },
  };
}

async function lookAtToday(
  { name, path }: JournalDatabase,
  { fs, warn }: CommandContext,
): Promise<Pick<JournalDatabase, "live" | "applied" | "before"> | undefined> {
  try {
    const live = await lookAtDatabase({ name, path, file: "", migrations: undefined, env: undefined }, fs);
    if (live !== undefined) {
      const { path: real, device, inode, journalMode } = live;
      const today = readDatabase(real, (db) => ({ applied: readApplied(db), before: readSchema(db) }));
      return { live: { path: real, device, inode, journalMode }, ...today };
    }
    warn(`${name} (${path}) is gone, so there is nothing of today to keep.`);
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    warn(`What ${name} holds today cannot be kept. ${error.message}`);
  }
  return undefined;
}

/**
 * Settles a restore that was cut off. Which databases have their snapshot cannot be told from them, and putting all back
 * once more would lose what was written since: that is for a person, who is told how.
 */
export function settleRestore(journal: RestoreJournal, { paths, warn }: Pick<Context, "paths" | "warn">): void {
  const names = journal.databases.map(({ name }) => name).join(", ");
  warn(
    `A restore was cut off while it put snapshots back: each of ${names} is whole, and either as before or restored. Finish it: \`deployer db restore ${journal.restores} --lose-writes\`. Or return to before it: \`deployer db restore ${journal.run} --lose-writes\`.`,
  );
  writeJournal(journalPath(paths, journal.run), { ...journal, state: "done", cutOff: true });
}
