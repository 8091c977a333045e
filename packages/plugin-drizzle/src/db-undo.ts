import type { CommandContext } from "@deployer/core";
import Database from "better-sqlite3";
import { appDatabases } from "./databases.ts";
import { drizzleError } from "./errors.ts";
import { heldError } from "./held-error.ts";
import { HeldFailure } from "./held-failure.ts";
import { type JournalDatabase, journalPath, writeJournal } from "./journal.ts";
import { openError } from "./live-database.ts";
import type { DrizzleOptions } from "./options.ts";
import { type PastMigration, pastMigrations } from "./past-migrations.ts";
import { refuseLosses } from "./refuse-losses.ts";
import { changersOfRows } from "./row-changes.ts";
import { readSchema, schemaDifference } from "./schema.ts";
import { schemaObjects } from "./schema-objects.ts";
import { CannotUndo, refuseImpossible } from "./schema-undo.ts";
import { refuseNeeded } from "./served-needs.ts";
import { settleJournals } from "./settle-journals.ts";
import { abortUndo } from "./settle-undo.ts";
import type { Setup } from "./setup.ts";
import { pruneSnapshots } from "./snapshots.ts";
import { readDatabase } from "./sqlite.ts";
import { loadTrustedSetup } from "./trusted-setup.ts";
import { impossible, type LossesByName, undoTogether } from "./undo-held.ts";
import { draftUndo, type UndoDatabase, type UndoJournal } from "./undo-journal.ts";
import { describeLosses, type Loss, lossesOf } from "./undo-losses.ts";

export interface UndoInput {
  /** What stands in the migration's own tables and columns may be lost. */
  readonly losesRows: boolean;
  /** The release that is served may break. */
  readonly breaksServed: boolean;
}

export interface Undone {
  readonly text: string;
  /** The run whose migration was undone. */
  readonly run: string;
  readonly undone: Readonly<Record<string, readonly string[]>>;
  /** What was given up, by database. */
  readonly lost: Readonly<Record<string, readonly Loss[]>>;
  /** The run by whose name `db restore` finds the snapshot of before the undo. */
  readonly snapshot: string;
  readonly lockedMs: number;
}

/**
 * Takes the newest migration back in all its databases together: the schema of before, with the rows of today. It says
 * what would be lost before it acts, and keeps a snapshot.
 * @throws ERR_UNDO_IMPOSSIBLE, ERR_RELEASE_NEEDS_SCHEMA, ERR_ROWS_WOULD_BE_LOST with nothing changed
 */
export async function undoMigration(
  options: DrizzleOptions,
  input: UndoInput,
  context: CommandContext,
): Promise<Undone> {
  const { fs, paths, info } = context;
  await settleJournals(context, { migrated: () => undefined, oneWay: () => undefined });
  const { journal: past, inForce } = lastUndoable(await pastMigrations(context));
  const mine = past.databases.filter(({ live, name }) => live !== null && inForce.includes(name));
  const journal = await draftUndo(past, mine, input.losesRows, context);
  const setup = await loadTrustedSetup(past.setup, mine, context);

  const foreseen = foresee(journal, mine, setup);
  for (const line of announce(journal, foreseen)) info(line);
  const { breaksServed } = input;
  const command = `deployer db undo${input.losesRows ? " --lose-rows" : ""}`;
  await refuseNeeded(
    journal.databases,
    appDatabases(options, paths),
    { command, setup, breaksServed, expects: "with" },
    context,
  );
  refuseLosses(journal)(foreseen);

  // The journal first: the next run then removes the folder of one that dies right here.
  writeJournal(journalPath(paths, journal.run), journal);
  await fs.makeDirectory(paths.snapshots, 0o700);
  await fs.createDirectory(`${paths.snapshots}/${journal.run}`, 0o700);
  const lost: Record<string, readonly Loss[]> = {};
  const lockedMs = await undo(journal, context, (losses) => {
    refuseLosses(journal)(losses);
    Object.assign(lost, Object.fromEntries(losses));
  });
  await pruneSnapshots(context);
  const undone = Object.fromEntries(mine.map(({ name, pending }) => [name, pending.map(({ tag }) => tag)]));
  const made = past.databases.filter(({ live }) => live === null).map(({ name }) => name);
  const lines = [
    ...Object.entries(undone).map(([name, tags]) => `${name}: ${tags.join(", ")} undone; ${whatIsLost(lost[name])}.`),
    ...made.map((name) => `${name} was made by that migration and stays as it is.`),
    `The databases were locked for ${Math.ceil(lockedMs)} ms. The next deployment applies the migrations again, unless its release lacks them.`,
    `What was there before: \`deployer db restore ${journal.run}\`.`,
  ];
  return { text: lines.join("\n"), run: past.run, undone, lost, snapshot: journal.run, lockedMs };
}

function lastUndoable(past: readonly PastMigration[]): PastMigration {
  const last = past.find(({ inForce, unreadable }) => inForce.length + unreadable.length > 0);
  // It may have the migration as well: they are undone together, or not at all.
  if (last?.unreadable[0] !== undefined) throw last.unreadable[0];
  if (last?.hasSnapshots) return last;
  throw drizzleError("ERR_UNDO_IMPOSSIBLE", {
    message:
      last === undefined
        ? "No database has a migration that this deployer committed and remembers."
        : `The snapshots of run ${last.journal.run} are gone, and the schema of before with them.`,
    hint: "See `deployer db snapshots`. An older schema can be had by a new migration.",
  });
}

/** What would be lost, as far as it can be seen without a lock. @throws ERR_UNDO_IMPOSSIBLE */
function foresee(journal: UndoJournal, past: readonly JournalDatabase[], setup: Setup): LossesByName {
  return new Map(
    journal.databases.map((database, index) => {
      try {
        return [database.name, readDatabase(database.path, (db) => lossesOfOne(db, database, past[index]!, setup))];
      } catch (error) {
        if (error instanceof CannotUndo) throw impossible(database, error.message, error);
        throw error instanceof Database.SqliteError ? openError(database, error) : error;
      }
    }),
  );
}

function lossesOfOne(db: Database.Database, database: UndoDatabase, { after }: JournalDatabase, setup: Setup): Loss[] {
  const drift = after === null ? [] : schemaDifference(after, readSchema(db));
  if (drift.length > 0) throw new CannotUndo(`its schema changed since: ${drift.join(", ")}`);
  const snapshot = new Database(database.source, { fileMustExist: true });
  try {
    setup(db, database.name);
    refuseImpossible(db, snapshot);
    return lossesOf(db, snapshot);
  } finally {
    snapshot.close();
  }
}

function announce({ databases }: UndoJournal, foreseen: LossesByName): string[] {
  return databases.flatMap(({ name, pending, source }) => {
    const tables = tablesOf(source);
    const changers = changersOfRows(pending, tables);
    const tags = pending.map(({ tag }) => tag).join(", ");
    return [
      `${name}: undoing ${tags}: ${whatIsLost(foreseen.get(name))}.`,
      ...(changers.length > 0 ? [`${name}: what ${changers.join(", ")} did to rows stays as it is.`] : []),
    ];
  });
}

function whatIsLost(losses: readonly Loss[] = []): string {
  return losses.length === 0 ? "no row and no value is lost" : `lost with it: ${describeLosses(losses)}`;
}

function tablesOf(snapshot: string): string[] {
  const db = new Database(snapshot, { fileMustExist: true });
  try {
    return schemaObjects(db).flatMap(({ type, name }) => (type === "table" ? [name] : []));
  } finally {
    db.close();
  }
}

/** With nothing committed the journal says so, and the snapshot goes. */
async function undo(
  journal: UndoJournal,
  context: CommandContext,
  allows: (losses: LossesByName) => void,
): Promise<number> {
  const { databases, run } = journal;
  const path = journalPath(context.paths, run);
  try {
    return await undoTogether(
      path,
      journal,
      databases.map(({ name }) => name),
      allows,
      context,
    );
  } catch (error) {
    const isIncomplete = (error as { code?: unknown }).code === "ERR_MIGRATION_INCOMPLETE";
    if (!isIncomplete) await abortUndo(journal, context);
    if (!(error instanceof HeldFailure)) throw error;
    throw heldError({ outcome: "failed", database: error.database, problem: error.problem }, databases, context.redact);
  }
}
