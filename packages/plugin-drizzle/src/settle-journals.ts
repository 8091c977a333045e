import { type Context, childOf, type RollForwardContext } from "@deployer/core";
import { readApplied } from "./applied.ts";
import { drizzleError } from "./errors.ts";
import { heldError } from "./held-error.ts";
import { holdInChild } from "./held-phase.ts";
import {
  isReadable,
  type JournalDatabase,
  journalPath,
  type MigrationJournal,
  readJournal,
  readJournals,
  type UnreadableJournal,
  writeJournal,
} from "./journal.ts";
import { removeLeftovers } from "./new-database.ts";
import { type Told, tellCommitted } from "./one-way.ts";
import { isRestore, settleRestore } from "./restore-journal.ts";
import { settleUndo } from "./settle-undo.ts";
import { readDatabase } from "./sqlite.ts";
import { isUndo } from "./undo-journal.ts";

/** A process that commits is fast; one that takes this long is stopped or stuck, and a person must look. */
const COMMIT_PATIENCE_MS = 120_000;
/** One that has not been allowed to commit ends by itself when its run is gone. */
const GRACE_MS = 2_000;
const LOOK_EVERY_MS = 20;

/**
 * Settles every journal that is neither done nor aborted: a migration that was under way when its run died. All
 * databases are migrated, or none, when this returns.
 * @throws ERR_MIGRATION_JOURNAL, ERR_MIGRATION_INCOMPLETE, with nothing touched
 */
export async function settleJournals(context: Context, told: Told): Promise<void> {
  for (const journal of await readJournals(context)) {
    if (!isReadable(journal)) throw unreadable(journal);
    if (journal.state !== "prepared" && journal.state !== "committing") continue;
    if (isUndo(journal)) await settleUndo(journal, context);
    else if (isRestore(journal) && journal.state === "committing") settleRestore(journal, context);
    else await settle(journal, context, told);
  }
}

/**
 * The same before a dead run is settled, and says what that run has committed although it did not live to tell.
 * @throws as settleJournals
 */
export async function rollForward(context: RollForwardContext): Promise<void> {
  const { fs, paths, interrupted } = context;
  const path = journalPath(paths, interrupted.id);
  const own = (await fs.resolve(path)) === undefined ? undefined : await readJournal(path, fs);
  if (own !== undefined && isReadable(own) && own.state === "done" && !isUndo(own) && !isRestore(own)) {
    for (const database of own.databases) tellCommitted(database, context, context.state);
  }
  await settleJournals(context, context);
  const then = own === undefined ? undefined : await readJournal(path, fs);
  if (then === undefined || !isReadable(then) || then.state !== "done" || then.cutOff === true) return;
  if (isUndo(then) || isRestore(then)) context.completed();
}

/** Brings one migration to its end: forward if any database was committed, else back. */
export async function settle(found: MigrationJournal, context: Context, told: Told): Promise<"done" | "aborted"> {
  const path = journalPath(context.paths, found.run);
  await waitForProcess(found, context);
  const journal = await readJournal(path, context.fs);
  if (!isReadable(journal)) throw unreadable(journal);
  if (journal.state === "prepared" || journal.state === "aborted") return abort(path, journal, context);
  const states = journal.state === "done" ? [] : journal.databases.map((database) => stateOf(path, database));
  const old = journal.databases.filter((_database, index) => states[index] === "old");
  if (old.length > 0 && old.length === journal.databases.length) return abort(path, journal, context);
  if (old.length > 0) await applyRest(path, journal, old, context);
  else if (journal.state !== "done") writeJournal(path, { ...journal, state: "done" });
  await clear(journal, context);
  for (const database of journal.databases) tellCommitted(database, told, context.state);
  return "done";
}

async function waitForProcess({ run, process }: MigrationJournal, context: Context): Promise<void> {
  if (process === null) return;
  const { clock, fs, paths, processes } = context;
  const began = clock.elapsed();
  let waits = false;
  while (await processes.isAlive(process)) {
    const waited = clock.elapsed() - began;
    const now = await readJournal(journalPath(paths, run), fs);
    const commits = isReadable(now) && now.state !== "prepared";
    if (!commits && waited > GRACE_MS) processes.signal(process.pid, "SIGKILL");
    if (commits && !waits) context.info(`Waiting for process ${process.pid}, which is committing migrations.`);
    waits ||= commits;
    if (waited > COMMIT_PATIENCE_MS) {
      throw drizzleError("ERR_MIGRATION_INCOMPLETE", {
        message: `Process ${process.pid} has been committing migrations of run ${run} for more than ${COMMIT_PATIENCE_MS / 1000} s.`,
        hint: `See whether it is stopped (\`ps -o stat= ${process.pid}\`), let it go on with \`kill -CONT ${process.pid}\`, and run \`deployer check\` again.`,
        details: { pid: process.pid, run },
      });
    }
    await clock.sleep(LOOK_EVERY_MS);
  }
}

/** Whether a database has what the journal was to bring. Anything that is neither before nor after is for a person. */
function stateOf(path: string, database: JournalDatabase): "old" | "new" {
  const { name, live, pending } = database;
  let hashes: readonly string[];
  try {
    hashes = readDatabase(database.path, readApplied).map(({ hash }) => hash);
  } catch (error) {
    if (live === null && isMissing(error)) return "old";
    throw journalError(path, `"${name}" (${database.path}) cannot be read: ${(error as Error).message}`);
  }
  const present = pending.filter(({ hash }) => hashes.includes(hash));
  if (present.length === pending.length) return "new";
  if (present.length === 0 && live !== null) return "old";
  throw journalError(path, `"${name}" (${database.path}) is neither as before nor as after that migration`);
}

function isMissing(error: unknown): boolean {
  return (error as { code?: string }).code === "SQLITE_CANTOPEN" || /does not exist/.test((error as Error).message);
}

async function abort(path: string, journal: MigrationJournal, context: Context): Promise<"aborted"> {
  await clear(journal, context);
  await context.fs.remove(childOf(context.paths.snapshots, journal.run));
  writeJournal(path, { ...journal, state: "aborted" });
  return "aborted";
}

/** With the SQL of the journal: the release that brought it may be gone. */
async function applyRest(
  path: string,
  journal: MigrationJournal,
  old: readonly JournalDatabase[],
  context: Context,
): Promise<void> {
  context.warn(
    `A migration was cut off between two COMMITs; ${old.map(({ name }) => name).join(", ")} will be migrated now.`,
  );
  const databases: JournalDatabase[] = [];
  for (const database of journal.databases) databases.push(await onThisBoot(path, database, context));
  const names = old.map(({ name }) => name);
  const ending = await holdInChild(path, { ...journal, databases }, names, context);
  if (ending.outcome === "done") return;
  context.signal.throwIfAborted();
  if (ending.outcome === "interrupted") throw new Error("interrupted");
  const error = heldError(ending, old, context.redact);
  throw drizzleError("ERR_MIGRATION_INCOMPLETE", {
    message: `The rest of an interrupted migration could not be applied. ${error.message}`,
    hint: `${"hint" in error ? String(error.hint) : ""} The running release works with what is there. Every run tries it again; ${path} holds the SQL.`,
    details: { failed: names },
    cause: error,
  });
}

/** Numbers of devices may be others after a boot; the inode stays. */
async function onThisBoot(path: string, database: JournalDatabase, { fs }: Context): Promise<JournalDatabase> {
  if (database.live === null) return database;
  const file = await fs.resolve(database.path);
  if (file?.inode !== database.live.inode)
    throw journalError(path, `"${database.name}" (${database.path}) is another file than it was`);
  return { ...database, live: { ...database.live, device: file.device } };
}

async function clear({ databases }: MigrationJournal, { fs }: Context): Promise<void> {
  for (const database of databases) await removeLeftovers(database, fs);
}

function unreadable({ path, reason }: UnreadableJournal): Error {
  return drizzleError("ERR_MIGRATION_JOURNAL", {
    message: `The journal of a migration ${reason} (${path}). Nothing was touched.`,
    hint: `See which databases have the migrations (\`deployer db status\`). If all or none have them, move the file away: mv ${path} ${path}.aside`,
    details: { journal: path, reason },
  });
}

function journalError(path: string, reason: string): Error {
  return drizzleError("ERR_MIGRATION_JOURNAL", {
    message: `An interrupted migration cannot be settled: ${reason}. Nothing was touched.`,
    hint: `Put the database back that ${path} names (is its volume mounted?), then run \`deployer check\` again. Its SQL stands in that file.`,
    details: { journal: path, reason },
  });
}
