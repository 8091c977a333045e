import { join } from "node:path";
import type { CommandContext, ReleaseInfo } from "@deployer/core";
import Database from "better-sqlite3";
import { createMigrationsTable, readApplied, recordApplied } from "./applied.ts";
import { compareLive } from "./compare-live.ts";
import { containedFiles } from "./contained-files.ts";
import { type AppDatabase, appDatabases } from "./databases.ts";
import { drizzleError } from "./errors.ts";
import { type LiveDatabase, openError } from "./live-database.ts";
import { type Migration, readMigrationsFolder } from "./migrations-folder.ts";
import type { DrizzleOptions } from "./options.ts";
import { lookAtAll } from "./plan.ts";
import { setupPath } from "./setup-path.ts";

/** How long it waits for the app's writer. */
const PATIENCE_MS = 5_000;

/**
 * For databases that `drizzle-kit push` has made: when the schema is that of migrations 1 to n, they are recorded as
 * applied. Databases that have rows already, and those that are not there, are left alone.
 * The migrations are those of the ref that is given, else of the current release; before the first deployment, of what it
 * would deploy.
 * @throws ERR_BASELINE_DIFFERS when the schema is that of no n; nothing is recorded then, in any database
 */
export async function baseline(
  options: DrizzleOptions,
  ref: string | undefined,
  context: CommandContext,
): Promise<object> {
  if (ref === undefined && context.current !== undefined) return recordAll(options, context.current, context);
  await using ahead = await context.checkOut(ref);
  return await recordAll(options, ahead, context);
}

async function recordAll(options: DrizzleOptions, release: ReleaseInfo, context: CommandContext): Promise<object> {
  const databases = appDatabases(options, context.paths).filter(({ migrations }) => migrations !== undefined);
  const lives = await lookAtAll(databases, context);
  const todo: { database: AppDatabase; live: LiveDatabase; migrations: readonly Migration[] }[] = [];
  for (const [index, database] of databases.entries()) {
    const live = lives[index];
    if (live === undefined || live.applied.length > 0) continue;
    todo.push({ database, live, migrations: await matching(database, release, options, context) });
  }
  context.signal.throwIfAborted();
  for (const { database, live, migrations } of todo) record(database, live, migrations);
  const recorded = Object.fromEntries(
    todo.map(({ database, migrations }) => [database.name, migrations.map(({ tag }) => tag)]),
  );
  const lines = Object.entries(recorded).map(([name, tags]) => `${name}: recorded as applied: ${tags.join(", ")}`);
  return { text: lines.join("\n") || "Nothing to record: each database has its migrations recorded.", recorded };
}

/** The first migrations that make this schema, as few as possible: what only changes data after them will still run. */
async function matching(
  database: AppDatabase,
  release: ReleaseInfo,
  options: DrizzleOptions,
  context: CommandContext,
): Promise<readonly Migration[]> {
  const migrations = await readMigrationsFolder(
    join(release.appPath, database.migrations!),
    containedFiles(context.fs, release.path),
  );
  const [compared] = await compareLive(
    [{ database, migrations }],
    await setupPath(options, release, context.fs),
    context,
  );
  const { matching: count, difference } = compared!;
  if (count > 0) return migrations.slice(0, count);
  const differs = difference ?? ["its migrations cannot run on an empty database"];
  throw drizzleError("ERR_BASELINE_DIFFERS", {
    message: `The schema of "${database.name}" (${database.path}) is not what any first migrations of ${database.migrations} make. From all of them it differs in: ${differs.join(", ")}.`,
    hint: "Generate migrations that lead to this schema (`drizzle-kit generate`), or change the database to what they make.",
    details: { database: database.name, difference: differs },
  });
}

function record(database: AppDatabase, live: LiveDatabase, migrations: readonly Migration[]): void {
  const db = new Database(live.path, { fileMustExist: true, timeout: PATIENCE_MS });
  const named = migrations.flatMap(({ name, acceptedHashes }) =>
    name === undefined ? [] : [{ name, hashes: acceptedHashes }],
  );
  try {
    db.transaction(() => {
      // Somebody may have been quicker.
      if (readApplied(db).length > 0) return;
      createMigrationsTable(db, named.length > 0 ? named : undefined);
      for (const migration of migrations) recordApplied(db, migration);
    }).immediate();
  } catch (error) {
    throw openError(database, error);
  } finally {
    db.close();
  }
}
