import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "@deployer/core";
import Database from "better-sqlite3";
import { readApplied } from "./applied.ts";
import { MigrationFailure, problemOf } from "./apply.ts";
import { checkpoint, commitAll, makeDurable } from "./commit.ts";
import { HeldFailure } from "./held-failure.ts";
import {
  type HeldDatabase,
  type LiveJournalDatabase,
  lockAll,
  lockNext,
  openAll,
  releaseAll,
} from "./held-transactions.ts";
import { type JournalDatabase, type MigrationJournal, writeJournal } from "./journal.ts";
import { migrateHeld, refuseChanged } from "./migrate-held.ts";
import { makeNewDatabase, type NewDatabase, reserveRoom } from "./new-database.ts";
import { readSchema, type Schema, schemaDifference } from "./schema.ts";
import { loadSetup, type Setup } from "./setup.ts";
import { beginSnapshots, type Snapshots } from "./snapshot.ts";
import { type WriteMark, writeMark } from "./write-mark.ts";

/** What the held phase tells, and whom it asks, while it goes on. */
export interface HeldWatcher {
  /** The setup module is loaded or called, or a new database is made: nobody waits for that, but it must end. */
  making(): void;
  made(): void;
  /** From here the app's writers wait. */
  locked(): void;
  /** They wait no longer; it will be locked once more. */
  unlocked(): void;
  /** Everything ran. Resolves when it may be committed; from then on nobody ends this process. */
  mayCommit(): Promise<void>;
  committed(database: string): void;
}

/** SQLite tries again after a tenth of a second at the latest: whoever waits for a lock gets it meanwhile. */
const TURN_MS = 110;

const clock: Pick<Clock, "elapsed" | "sleep"> = {
  elapsed: () => performance.now(),
  sleep: async (ms) => void (await delay(ms)),
};

/**
 * Migrates databases of a journal as one unit, and keeps the journal: all of them, or those that a crash left over. Until
 * the first COMMIT an error, or the death of this process, leaves every database as it was; after it the journal says
 * what is still to be done.
 * @returns how long the first of them was locked, in milliseconds
 * @throws HeldFailure
 */
export async function runHeld(
  path: string,
  given: MigrationJournal,
  names: readonly string[],
  watcher: HeldWatcher,
): Promise<number> {
  let journal = given;
  const keep = (change: Partial<MigrationJournal>): void => {
    journal = { ...journal, ...change };
    writeJournal(path, journal);
  };
  keep({});
  const mine = journal.databases.filter(({ name }) => names.includes(name));
  const lives = mine.filter(isLive);
  watcher.making();
  const setup = await loadSetupFor(journal, mine);
  using made = makeAll(
    mine.filter(({ live }) => live === null),
    setup,
  );
  watcher.made();
  // What a crash left over has its snapshot.
  const toCopy = journal.state === "prepared" ? lives : [];
  using snapshots = await beginSnapshots(toCopy, copyEnvironment(journal.run));
  using reserve = reserveAll(mine);
  watcher.making();
  using held = openAll(lives, setup);
  watcher.made();
  const { began, after } = await migrateAll(held.databases, snapshots, watcher);
  await snapshots.durable();
  await watcher.mayCommit();

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
  try {
    keep({ state: "committing", databases: withSchemas(journal.databases, after) });
  } catch (error) {
    throw new HeldFailure(mine[0]?.name ?? "", { kind: "journal", reason: (error as Error).message }, error);
  }
  reserve[Symbol.dispose]();
  const versions = versionsOf(held.databases);
  let committed: readonly HeldDatabase[];
  try {
    committed = commit(held.databases, made.databases, watcher);
  } catch (error) {
    const isPartial = error instanceof HeldFailure && error.problem.kind === "incomplete";
    if (given.state === "prepared" && !isPartial) keep({ state: "aborted" });
    throw error;
  }
  const lockedMs = clock.elapsed() - began;
  // Whoever writes next finds a log long enough to be moved, and would wait until it is. While the snapshots' readers are
  // there nothing can be moved, and once we do it nobody else does.
  snapshots[Symbol.dispose]();
  for (const database of committed) checkpoint(database);
  const marks = writeMarks(held.databases, versions);
  makeDurable(held.databases);
  for (const database of journal.databases) verify(database);
  keep({ state: "done", databases: withMarks(journal.databases, marks) });
  return lockedMs;
}

async function loadSetupFor({ setup }: MigrationJournal, [first]: readonly JournalDatabase[]): Promise<Setup> {
  try {
    return await loadSetup(setup);
  } catch (error) {
    throw new HeldFailure(first?.name ?? "", { kind: "migration", problem: problemOf(error) }, error);
  }
}

interface Migrated {
  /** When the first of them was locked. */
  readonly began: number;
  readonly after: ReadonlyMap<string, Schema>;
}

/**
 * Locks and migrates all of them. Once all can be locked the longest comes first, and each of the others is locked again
 * when its turn comes: its writers do not wait for those before it. If one of them is busy just then, none is kept, and
 * all are locked together.
 */
async function migrateAll(
  databases: readonly HeldDatabase[],
  snapshots: Snapshots,
  watcher: HeldWatcher,
): Promise<Migrated> {
  const [longest, ...others] = [...databases].sort((a, b) => b.database.predictedMs - a.database.predictedMs);
  const after = new Map<string, Schema>();
  if (longest === undefined) return { began: clock.elapsed(), after };
  const migrate = (held: HeldDatabase): void => {
    refuseChanged(held);
    snapshots.finish(held.database.name);
    after.set(held.database.name, migrateHeld(held));
  };
  const lock = async (some: readonly HeldDatabase[]): Promise<number> => {
    await lockAll(some, clock);
    watcher.locked();
    return clock.elapsed();
  };

  // Whoever keeps one of them locked is waited for while none is held.
  const began = await lock(databases);
  releaseAll(others);
  migrate(longest);
  const isEachFree = others.every((held) => {
    const isLocked = lockNext(held);
    if (isLocked) migrate(held);
    return isLocked;
  });
  if (isEachFree) return { began, after };
  releaseAll(databases);
  watcher.unlocked();
  await clock.sleep(TURN_MS);
  const again = await lock(databases);
  for (const held of [longest, ...others]) migrate(held);
  return { began: again, after };
}

/** Answers those that existed in the order in which they were committed. */
function commit(
  databases: readonly HeldDatabase[],
  made: readonly NewDatabase[],
  watcher: HeldWatcher,
): readonly HeldDatabase[] {
  placeAll(made);
  const outcome = commitAll(databases, {
    redo: (held) => void migrateHeld(held),
    onCommitted: ({ database }) => watcher.committed(database.name),
  });
  if (outcome.failed !== undefined) {
    const { held, error } = outcome.failed;
    const committed = [...outcome.committed, ...made].map(({ database }) => database.name);
    if (outcome.committed.length > 0) throw incomplete(held, committed, error);
    for (const database of made) database.withdraw();
    throw new HeldFailure(held.database.name, { kind: "migration", problem: problemOf(error) }, error);
  }
  for (const { database } of made) watcher.committed(database.name);
  return outcome.committed;
}

/** A mark is exact when no other connection had committed by the time it was read. */
export function writeMarks(databases: readonly HeldDatabase[], versions: readonly unknown[]): Map<string, WriteMark> {
  const marks = new Map<string, WriteMark>();
  for (const [index, { database, connection }] of databases.entries()) {
    const mark = writeMark(database.live.path);
    if (mark !== undefined && dataVersion(connection) === versions[index]) marks.set(database.name, mark);
  }
  return marks;
}

/** By a connection of its own, as the app would see it. */
function verify({ name, path, pending, after }: JournalDatabase): void {
  // Not read only: such a connection, if it is the last to close, leaves -wal and -shm behind.
  const db = new Database(path, { fileMustExist: true });
  try {
    const rows = readApplied(db);
    const missing = pending.filter(({ hash }) => !rows.some((row) => row.hash === hash)).map(({ tag }) => tag);
    const wrong = [...missing, ...(after === null ? [] : schemaDifference(after, readSchema(db)))];
    if (wrong.length === 0) return;
    throw new HeldFailure(name, { kind: "unverified", reason: `after the COMMIT it differs in ${wrong.join(", ")}` });
  } finally {
    db.close();
  }
}

interface NewDatabases extends Disposable {
  readonly databases: readonly NewDatabase[];
}

function makeAll(databases: readonly JournalDatabase[], setup: Setup): NewDatabases {
  const made: NewDatabase[] = [];
  const all = { databases: made, [Symbol.dispose]: () => made.forEach((database) => void database.discard()) };
  try {
    for (const database of databases) made.push(make(database, setup));
    return all;
  } catch (error) {
    all[Symbol.dispose]();
    throw error;
  }
}

function make(database: JournalDatabase, setup: Setup): NewDatabase {
  try {
    return makeNewDatabase(database, setup);
  } catch (error) {
    if (error instanceof MigrationFailure)
      throw new HeldFailure(database.name, { kind: "migration", problem: error.problem }, error);
    throw new HeldFailure(database.name, { kind: "make", reason: (error as Error).message }, error);
  }
}

function placeAll(made: readonly NewDatabase[]): void {
  for (const database of made) {
    try {
      database.place();
    } catch (error) {
      for (const placed of made) placed.withdraw();
      throw new HeldFailure(database.database.name, { kind: "place", reason: (error as Error).message }, error);
    }
  }
}

/** Room for each: what one of them leaves for its COMMIT, the others leave as well. */
export function reserveAll(databases: readonly JournalDatabase[]): Disposable {
  const reserves: Disposable[] = [];
  const release = (): void => {
    for (const reserve of reserves) reserve[Symbol.dispose]();
  };
  for (const { name, live, path } of databases) {
    try {
      reserves.push(reserveRoom(live?.path ?? path));
    } catch (error) {
      release();
      throw new HeldFailure(name, { kind: "snapshot", reason: (error as Error).message }, error);
    }
  }
  return { [Symbol.dispose]: release };
}

function withSchemas(databases: readonly JournalDatabase[], after: ReadonlyMap<string, Schema>): JournalDatabase[] {
  return databases.map((database) => ({ ...database, after: after.get(database.name) ?? database.after }));
}

function withMarks(databases: readonly JournalDatabase[], marks: ReadonlyMap<string, WriteMark>): JournalDatabase[] {
  return databases.map((database) => ({ ...database, committed: marks.get(database.name) ?? database.committed }));
}

/** For `writeMarks`, from right before the COMMITs. */
export function versionsOf(databases: readonly HeldDatabase[]): unknown[] {
  return databases.map(({ connection }) => dataVersion(connection));
}

function dataVersion(db: Database.Database): unknown {
  return db.pragma("data_version", { simple: true });
}

function isLive(database: JournalDatabase): database is LiveJournalDatabase {
  return database.live !== null;
}

function incomplete({ database }: HeldDatabase, committed: readonly string[], error: unknown): HeldFailure {
  return new HeldFailure(database.name, { kind: "incomplete", reason: (error as Error).message, committed }, error);
}

// A copy that outlives this process is of no use to anybody: unlike this process it carries the run's mark.
function copyEnvironment(run: string): NodeJS.ProcessEnv {
  return { ...process.env, DEPLOYER_RUN: run };
}
