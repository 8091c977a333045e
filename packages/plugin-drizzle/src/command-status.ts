import { join } from "node:path";
import type { CommandContext } from "@deployer/core";
import { compareLive, type ToCompare } from "./compare-live.ts";
import { type Comparison, compareMigrations } from "./comparison.ts";
import { type AppDatabase, appDatabases } from "./databases.ts";
import type { LiveDatabase } from "./live-database.ts";
import { type Migration, readMigrationsFolder } from "./migrations-folder.ts";
import type { DrizzleOptions } from "./options.ts";
import { lookAtAll } from "./plan.ts";
import { setupPath } from "./setup-path.ts";

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
  const looks = await Promise.all(databases.map((database, index) => look(database, lives[index], context)));
  const drifts = await driftOf(looks, options, context);
  const found = looks.map((it) => describe(it, drifts.get(it.database.name) ?? null));
  const lastSnapshot = await newestSnapshot(context);
  return {
    text: [...found.map(line), `last snapshot: ${lastSnapshot ?? "none"}`].join("\n"),
    databases: found,
    lastSnapshot,
  };
}

interface Look {
  readonly database: AppDatabase;
  readonly live: LiveDatabase | undefined;
  /** Of the current release, held against what is applied. */
  readonly known: readonly Migration[] | undefined;
  readonly comparison: Comparison | undefined;
}

async function look(
  database: AppDatabase,
  live: LiveDatabase | undefined,
  { current, fs }: CommandContext,
): Promise<Look> {
  if (current === undefined || database.migrations === undefined)
    return { database, live, known: undefined, comparison: undefined };
  const known = await readMigrationsFolder(join(current.appPath, database.migrations), fs);
  return { database, live, known, comparison: compareMigrations(known, live?.applied ?? []) };
}

/** What cannot be found out is left unknown; the next deployment tells why. */
async function driftOf(
  looks: readonly Look[],
  options: DrizzleOptions,
  context: CommandContext,
): Promise<ReadonlyMap<string, readonly string[] | null>> {
  const todo = looks.flatMap((it) => toCompare(it) ?? []);
  const setup = context.current === undefined ? null : await setupPath(options, context.current, context.fs);
  const compared = await compareLive(todo, setup, context).catch(() => []);
  context.signal.throwIfAborted();
  return new Map(compared.map(({ drift }, index) => [todo[index]!.database.name, drift]));
}

function toCompare({ database, live, known, comparison }: Look): ToCompare | undefined {
  if (live === undefined || known === undefined || comparison === undefined) return undefined;
  const { ahead, edited, pending } = comparison;
  if (ahead.length > 0 || edited.length > 0) return undefined;
  return { database, migrations: known.filter((it) => !pending.includes(it)) };
}

function describe({ database, live, comparison }: Look, drift: readonly string[] | null): DatabaseStatus {
  return {
    ...{ name: database.name, file: database.path, exists: live !== undefined, bytes: live?.bytes ?? null },
    applied: live?.applied.length ?? null,
    pending: comparison?.pending.map(({ tag }) => tag) ?? null,
    drift,
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
