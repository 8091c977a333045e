import { dirname, join, posix } from "node:path";
import { type Context, ownPath, type ReleaseInfo, type SharedPath } from "@deployer/core";
import type { DataChange } from "./apply.ts";
import { drizzleError } from "./errors.ts";
import { migrationError } from "./migration-error.ts";
import type { DatabasePlan } from "./plan.ts";
import type { RehearsalResult, RehearsalTask } from "./rehearsal-child.ts";
import type { Schema } from "./schema.ts";
import { runSqlChild } from "./sql-child.ts";

/** A context with the release in which the copies stand. */
export type RehearsalContext = Context & { readonly release: ReleaseInfo };

/** A copy as the rehearsal left it: migrated, and offered to build and gate. */
export interface Rehearsed {
  readonly plan: DatabasePlan;
  readonly copy: string;
  readonly schema: Schema;
  /** What the pending statements took. */
  readonly milliseconds: number;
  /** What each of them did to rows. */
  readonly changes: readonly DataChange[];
}

/**
 * Copies the databases of one shared path into its stand-in and runs their pending migrations there, each statement for
 * no longer than `stepMs`.
 */
export async function rehearse(
  plans: readonly DatabasePlan[],
  entry: SharedPath,
  standIn: string,
  { setup, stepMs }: { readonly setup: string | null; readonly stepMs: number },
  context: RehearsalContext,
): Promise<Rehearsed[]> {
  const copied = plans.filter((plan) => plan.live !== undefined || plan.pending.length > 0);
  if (copied.length === 0) return [];
  const tasks: RehearsalTask[] = [];
  for (const plan of copied) tasks.push(await taskFor(plan, copyPath(plan, entry, standIn), setup, context));
  const results = await runChild(tasks, copied, stepMs, context);
  return copied.map((plan, index) => rehearsed(plan, tasks[index]!, results[index]!, context));
}

/** Where a database lies in what stands for its shared path. */
function copyPath({ database }: DatabasePlan, entry: SharedPath, standIn: string): string {
  return join(standIn, posix.relative(entry.path, database.file));
}

async function taskFor(
  { database, live, pending }: DatabasePlan,
  target: string,
  setup: string | null,
  { fs, release }: RehearsalContext,
): Promise<RehearsalTask> {
  // A link in the way would lead the copy, or its migrations, to what is live.
  await fs.makeDirectory(dirname(await ownPath(fs, release.path, target)), 0o700);
  return {
    name: database.name,
    setup,
    source: live?.path ?? null,
    target,
    journalMode: live?.journalMode ?? "wal",
    pending,
  };
}

async function runChild(
  tasks: readonly RehearsalTask[],
  plans: readonly DatabasePlan[],
  stepMs: number,
  context: RehearsalContext,
): Promise<readonly RehearsalResult[]> {
  const databases = plans.map(({ database }) => database);
  const child = await runSqlChild<RehearsalResult>(
    { script: "rehearsal-child", input: tasks, cwd: context.release.path, stepMs, on: "a copy", databases },
    context,
  );
  if (child.answer !== undefined) return child.answer;
  throw drizzleError("ERR_COPY_FAILED", {
    message: `The process that copies the databases ended with ${child.ended}: ${child.tail}`,
    hint: "The live databases were only read.",
    details: { ended: child.ended },
  });
}

function rehearsed(plan: DatabasePlan, task: RehearsalTask, result: RehearsalResult, context: Context): Rehearsed {
  const { database, pending } = plan;
  if (result.outcome === "migration-failed") throw migrationError(database, result.problem, "a copy", context.redact);
  if (result.outcome === "copy-failed") throw copyError(plan, result.problem.reason, result.problem.sqlite);
  if (pending.length > 0) {
    context.info(
      `${database.name}: ${pending.map(({ tag }) => tag).join(", ")} rehearsed on a copy in ${Math.ceil(result.milliseconds)} ms; the app's writers will wait for about as long.`,
    );
  }
  for (const { migration, number, statement, rows } of result.changes.filter(({ isSeen }) => isSeen)) {
    const text = context.redact(statement.replaceAll(/\s+/g, " ").slice(0, 160));
    context.warn(
      `${database.name}: statement ${number} of ${migration} changes ${rows} rows that the running release sees: ${text}`,
    );
  }
  const { schema, milliseconds, changes } = result;
  return { plan, copy: task.target, schema, milliseconds, changes };
}

function copyError({ database }: DatabasePlan, reason: string, sqlite: string | undefined): Error {
  const { name, path } = database;
  const details = { database: name, file: path, sqlite };
  if (/^SQLITE_CORRUPT/.test(sqlite ?? "")) {
    return drizzleError("ERR_DATABASE_DAMAGED", {
      message: `The database "${name}" (${path}) is damaged: ${reason} (${sqlite}).`,
      hint: `Look at it with \`sqlite3 ${path} "PRAGMA integrity_check"\`, and restore it from a backup.`,
      details,
    });
  }
  return drizzleError("ERR_COPY_FAILED", {
    message: `The database "${name}" (${path}) could not be copied: ${reason}${sqlite === undefined ? "" : ` (${sqlite})`}.`,
    hint: "See that there is room where the releases lie, and that the file can be read. The live database was only read.",
    details,
  });
}
