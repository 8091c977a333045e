import { join } from "node:path";
import { type Context, isInside, type ReleaseInfo, type SharedPath } from "@deployer/core";
import type { PendingMigration } from "./apply.ts";
import { compareMigrations } from "./comparison.ts";
import { containedFiles } from "./contained-files.ts";
import type { AppDatabase } from "./databases.ts";
import { drizzleError } from "./errors.ts";
import { type LiveDatabase, lookAtDatabase } from "./live-database.ts";
import { rememberSeen, wasSeen } from "./memory.ts";
import { type Migration, readMigrationsFolder } from "./migrations-folder.ts";
import { refuseUnfit } from "./refusals.ts";
import { readSchema, type Schema } from "./schema.ts";
import { sharedEntry } from "./shared-databases.ts";
import { readDatabase } from "./sqlite.ts";
import { judgeStatements } from "./statement-rules.ts";

/** What is to be done with one database in this run. */
export interface DatabasePlan {
  readonly database: AppDatabase;
  /** The shared path that holds it. */
  readonly entry: SharedPath;
  /** As it was when the plan was made; `undefined`: it does not exist yet. */
  readonly live: LiveDatabase | undefined;
  readonly pending: readonly PendingMigration[];
  /** The live schema when the plan was made, which must be the same under the lock; of a database with something pending. */
  readonly schema: Schema;
  /** Hashes of what the release knows. */
  readonly known: readonly string[];
}

/** Plans every database of a release. Live files are opened read only, and none is made. */
export async function planRelease(
  databases: readonly AppDatabase[],
  paths: readonly SharedPath[],
  release: ReleaseInfo,
  context: Context,
): Promise<DatabasePlan[]> {
  const entries = databases.map((database) => sharedEntry(paths, database));
  const [folders, lives] = await Promise.all([
    Promise.all(databases.map((database) => releaseMigrations(database, release, context))),
    lookAtAll(databases, context),
  ]);
  return databases.map((database, index) =>
    planDatabase(database, entries[index]!, lives[index], folders[index]!, context),
  );
}

/** The live databases in the order of the config. @throws ERR_DATABASE_MISSING, ERR_DATABASE_TWICE */
export async function lookAtAll(
  databases: readonly AppDatabase[],
  context: Pick<Context, "fs" | "state">,
): Promise<(LiveDatabase | undefined)[]> {
  const lives = await Promise.all(databases.map((database) => lookAtDatabase(database, context.fs)));
  const owners = new Map<string, AppDatabase>();
  for (const [index, database] of databases.entries()) {
    const live = lives[index];
    if (live === undefined && wasSeen(context.state, database.file)) throw missing(database);
    const identity = live && `${live.device}:${live.inode}`;
    if (identity !== undefined && owners.has(identity)) throw twice(database, owners.get(identity)!);
    if (identity !== undefined) owners.set(identity, database);
  }
  return lives;
}

function planDatabase(
  database: AppDatabase,
  entry: SharedPath,
  live: LiveDatabase | undefined,
  release: readonly Migration[],
  context: Context,
): DatabasePlan {
  if (live !== undefined) rememberSeen(context.state, database.file);
  if (live !== undefined && live.journalMode !== "wal") refuseWithoutWal(database, live);
  // Rows of a database that is not ours to migrate are none of our business.
  const applied = database.migrations === undefined ? [] : (live?.applied ?? []);
  const comparison = compareMigrations(release, applied);
  refuseUnfit(database, comparison, applied, context);
  const pending = runnableAll(comparison.pending, release);
  return {
    database,
    entry,
    live,
    pending,
    schema: live === undefined || pending.length === 0 ? {} : readDatabase(live.path, readSchema),
    known: [...new Set(release.flatMap(({ acceptedHashes }) => acceptedHashes))],
  };
}

function runnableAll(pending: readonly Migration[], release: readonly Migration[]): PendingMigration[] {
  const allNames = release.flatMap(({ name, acceptedHashes }) =>
    name === undefined ? [] : [{ name, hashes: acceptedHashes }],
  );
  return pending.map((migration, index) => ({
    ...runnable(migration),
    ...(index === 0 && allNames.length > 0 ? { allNames } : {}),
  }));
}

function runnable({ tag, when, hash, statements, acknowledged = false, name }: Migration): PendingMigration {
  const verdicts = judgeStatements(statements);
  return {
    ...{ tag, when, hash, acknowledged },
    ...(name === undefined ? {} : { name }),
    statements: statements.map((sql, index) => ({ sql, skip: verdicts[index] === "skip" })),
  };
}

async function releaseMigrations(
  database: AppDatabase,
  release: ReleaseInfo,
  context: Context,
): Promise<readonly Migration[]> {
  if (database.migrations === undefined) return [];
  const folder = join(release.appPath, database.migrations);
  if (!isInside(folder, release.path)) {
    throw drizzleError("ERR_MIGRATIONS_FOLDER", {
      message: `The migrations folder of "${database.name}" (${database.migrations}) lies outside the release.`,
      hint: "Name a folder of the repository in `migrations`, relative to the app.",
      details: { database: database.name, folder },
    });
  }
  return readMigrationsFolder(folder, containedFiles(context.fs, release.path));
}

function missing({ name, path }: AppDatabase): Error {
  return drizzleError("ERR_DATABASE_MISSING", {
    message: `The database "${name}" (${path}) is not there, though an earlier run has seen it. It is not made anew.`,
    hint: "See that its volume is mounted, or restore it from a backup.",
    details: { database: name, file: path },
  });
}

// Outside WAL readers keep a COMMIT from its lock, after others are committed, and the COMMIT keeps readers waiting.
function refuseWithoutWal({ name, path, migrations, isIdle }: AppDatabase, { journalMode }: LiveDatabase): void {
  if (migrations === undefined || isIdle) return;
  throw drizzleError("ERR_DATABASE_NOT_WAL", {
    message: `The database "${name}" (${path}) is in journal mode ${journalMode}, in which it cannot be migrated while an app uses it.`,
    hint: `Turn it to WAL, once: node -e 'new (require("node:sqlite").DatabaseSync)("${path}").exec("PRAGMA journal_mode=WAL")'. Or stop the app, and set \`maintenance: true\` for this deployment.`,
    details: { database: name, file: path, journalMode },
  });
}

function twice({ name, path }: AppDatabase, owner: AppDatabase): Error {
  return drizzleError("ERR_DATABASE_TWICE", {
    message: `The databases "${owner.name}" (${owner.path}) and "${name}" (${path}) are the same file.`,
    hint: "Keep one of the two in `databases`.",
    details: { databases: [owner.name, name], files: [owner.path, path] },
  });
}
