import { join } from "node:path";
import type { CommandContext } from "@deployer/core";
import { compareMigrations } from "./comparison.ts";
import { type AppDatabase, appDatabases } from "./databases.ts";
import { schemaOf } from "./expected-schema.ts";
import type { LiveDatabase } from "./live-database.ts";
import { readMigrationsFolder } from "./migrations-folder.ts";
import type { DrizzleOptions } from "./options.ts";
import { lookAtAll } from "./plan.ts";
import { readSchema, schemaDifference } from "./schema.ts";
import { loadSetup, setupPath } from "./setup.ts";
import { readDatabase } from "./sqlite.ts";

interface DatabaseStatus {
  readonly name: string;
  readonly file: string;
  readonly exists: boolean;
  readonly bytes: number | null;
  readonly applied: number | null;
  /** Of the current release; null without one, or without migrations. */
  readonly pending: readonly string[] | null;
  /** What differs from the schema that the applied migrations make; null: not known. */
  readonly drift: readonly string[] | null;
}

/** Looks at every database, read only, beside the migrations of the current release. */
export async function status(options: DrizzleOptions, context: CommandContext): Promise<object> {
  const databases = appDatabases(options, context.paths);
  const lives = await lookAtAll(databases, context);
  const found: DatabaseStatus[] = [];
  for (const [index, database] of databases.entries())
    found.push(await describe(database, lives[index], options, context));
  const lastSnapshot = await newestSnapshot(context);
  return {
    text: [...found.map(line), `last snapshot: ${lastSnapshot ?? "none"}`].join("\n"),
    databases: found,
    lastSnapshot,
  };
}

async function describe(
  database: AppDatabase,
  live: LiveDatabase | undefined,
  options: DrizzleOptions,
  { current, fs }: CommandContext,
): Promise<DatabaseStatus> {
  const { name, path, migrations } = database;
  const known =
    current === undefined || migrations === undefined
      ? undefined
      : await readMigrationsFolder(join(current.appPath, migrations), fs);
  const comparison = known && compareMigrations(known, live?.applied ?? []);
  const applied = known?.filter((it) => !comparison!.pending.includes(it) && !comparison!.edited.includes(it));
  const isWhole = comparison?.ahead.length === 0 && comparison.edited.length === 0;
  // A setup module that does not load leaves drift unknown; the next deployment tells why.
  const setup = await loadSetup(current === undefined ? null : setupPath(options, current)).catch(() => undefined);
  const expected =
    applied === undefined || setup === undefined || !isWhole
      ? undefined
      : schemaOf(applied, readSchema, (db) => setup(db, name));
  return {
    ...{ name, file: path, exists: live !== undefined, bytes: live?.bytes ?? null },
    applied: live?.applied.length ?? null,
    pending: comparison?.pending.map(({ tag }) => tag) ?? null,
    drift:
      expected === undefined || live === undefined
        ? null
        : schemaDifference(expected, readDatabase(live.path, readSchema)),
  };
}

function line({ name, file, exists, bytes, applied, pending, drift }: DatabaseStatus): string {
  if (!exists) return `${name}: ${file}, not there yet`;
  const waiting = pending === null ? "" : `, pending: ${pending.length === 0 ? "none" : pending.join(", ")}`;
  const strange = drift === null ? "" : `, drift: ${drift.length === 0 ? "none" : drift.join(", ")}`;
  return `${name}: ${file}, ${((bytes ?? 0) / 2 ** 20).toFixed(1)} MiB, ${applied} applied${waiting}${strange}`;
}

async function newestSnapshot({ fs, paths }: CommandContext): Promise<string | null> {
  if ((await fs.resolve(paths.snapshots)) === undefined) return null;
  return (await fs.list(paths.snapshots)).sort().at(-1) ?? null;
}
