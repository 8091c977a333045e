import { dirname } from "node:path";
import type { MigrateContext } from "@deployer/core";
import { MigrationFailure } from "./apply.ts";
import { type CommitOutcome, commitAll } from "./commit.ts";
import { drizzleError } from "./errors.ts";
import { type HeldDatabase, holdAll, type LivePlan } from "./held-transactions.ts";
import { rememberCommitting, rememberKnown, rememberSeen } from "./memory.ts";
import { migrateHeld } from "./migrate-held.ts";
import { migrationError, problemOf } from "./migration-error.ts";
import { makeNewDatabase, type NewDatabase } from "./new-database.ts";
import type { DatabasePlan } from "./plan.ts";
import type { Schema } from "./schema.ts";

/** What the link stage found out: the plans, and the schemas that the rehearsal ended with. */
export interface Rehearsal {
  readonly plans: readonly DatabasePlan[];
  readonly schemas: ReadonlyMap<string, Schema>;
}

/** Runs all pending migrations of all databases, which commit together: an error before the first COMMIT undoes all. */
export async function migrateAll({ plans, schemas }: Rehearsal, context: MigrateContext): Promise<void> {
  rememberKnown(
    context.state,
    context.release.id,
    Object.fromEntries(plans.map(({ database, known }) => [database.file, known])),
  );
  const pending = plans.filter((plan) => plan.pending.length > 0);
  if (pending.length === 0) return;
  const made: NewDatabase[] = [];
  for (const plan of pending) rememberPlan(plan, context);
  try {
    for (const plan of pending.filter(({ live }) => live === undefined)) made.push(makeAnew(plan, context));
    await migrateTogether(pending.filter(isLive), made, schemas, context);
  } finally {
    for (const database of made) database.discard();
  }
}

async function migrateTogether(
  plans: readonly LivePlan[],
  made: readonly NewDatabase[],
  schemas: ReadonlyMap<string, Schema>,
  context: MigrateContext,
): Promise<void> {
  using held = await holdAll(plans, context);
  context.signal.throwIfAborted();
  // No await from here to the last COMMIT: nothing else of this process runs while the app's writers wait.
  const began = context.clock.elapsed();
  const migrate = (database: HeldDatabase): void => migrateHeld(database, schemas.get(database.plan.database.name));
  for (const database of held.databases) attempt(database, () => migrate(database), context);
  placeAll(made);
  const outcome = commitAll(held.databases, { redo: migrate, onCommitted: ({ plan }) => tellMigrated(plan, context) });
  if (outcome.failed !== undefined && outcome.committed.length === 0) {
    withdrawAll(made);
    throw migrationError(
      outcome.failed.held.plan.database,
      problemOf(outcome.failed.error),
      "the live data",
      context.redact,
    );
  }
  const lockedMs = context.clock.elapsed() - began;
  await keepNew(made, context);
  if (outcome.failed !== undefined) throw incompleteError(outcome, outcome.failed, made, context);
  if (plans.length > 0) context.info(`Committed; the databases were locked for ${Math.ceil(lockedMs)} ms.`);
}

function makeAnew(plan: DatabasePlan, { redact }: MigrateContext): NewDatabase {
  try {
    return makeNewDatabase(plan);
  } catch (error) {
    if (!(error instanceof MigrationFailure)) throw cannotMake(plan, error);
    throw migrationError(plan.database, error.problem, "the live data", redact, error);
  }
}

function attempt({ plan: { database } }: HeldDatabase, act: () => void, { redact }: MigrateContext): void {
  try {
    act();
  } catch (error) {
    throw migrationError(database, problemOf(error), "the live data", redact, error);
  }
}

function placeAll(made: readonly NewDatabase[]): void {
  for (const database of made) {
    try {
      database.place();
    } catch (cause) {
      withdrawAll(made);
      throw placeError(database, cause);
    }
  }
}

function withdrawAll(made: readonly NewDatabase[]): void {
  for (const database of made) database.withdraw();
}

/** From here on a new database has been seen: if it is missing one day, it is not made again. */
async function keepNew(made: readonly NewDatabase[], context: MigrateContext): Promise<void> {
  for (const { plan } of made) {
    tellMigrated(plan, context);
    await context.fs.syncDirectory(dirname(plan.database.path));
    rememberSeen(context.state, plan.database.file);
  }
}

function rememberPlan({ database, pending }: DatabasePlan, { state, run, release, previous }: MigrateContext): void {
  const origin = { run: run.id, release: release.id, previous: previous?.id ?? null };
  rememberCommitting(
    state,
    database.file,
    pending.map(({ tag, when, hash }) => ({ tag, when, hash, ...origin })),
  );
}

function tellMigrated({ database, pending }: DatabasePlan, { migrated }: MigrateContext): void {
  migrated(
    database.name,
    pending.map(({ tag }) => tag),
  );
}

function isLive(plan: DatabasePlan): plan is LivePlan {
  return plan.live !== undefined;
}

function cannotMake({ database: { name, path } }: DatabasePlan, cause: unknown): Error {
  return drizzleError("ERR_DATABASE_READ_ONLY", {
    message: `The new database "${name}" could not be made at ${path}: ${(cause as Error).message}. Nothing was changed.`,
    hint: "Run the deployer as the user that runs the app, and see that its directory can be written and has room.",
    details: { database: name, file: path },
    cause,
  });
}

function placeError({ plan: { database } }: NewDatabase, cause: unknown): Error {
  return drizzleError("ERR_DATABASE_CHANGED", {
    message: `The new database "${database.name}" could not be put in place at ${database.path}: ${(cause as Error).message}. Nothing was changed.`,
    hint: "If a file has come there meanwhile, look at who made it. Then deploy again.",
    details: { database: database.name, file: database.path, changed: ["the file itself"] },
    cause,
  });
}

function incompleteError(
  { committed }: CommitOutcome,
  { held, error }: NonNullable<CommitOutcome["failed"]>,
  made: readonly NewDatabase[],
  { redact }: MigrateContext,
): Error {
  const migrated = [...made, ...committed].map(({ plan }) => plan.database.name);
  return drizzleError("ERR_MIGRATION_INCOMPLETE", {
    message: `"${held.plan.database.name}" (${held.plan.database.path}) could not be committed: ${redact((error as Error).message)}. Migrated: ${migrated.join(", ")}; that database and those after it are as before.`,
    hint: "Free the disk or whatever the message names, then deploy again: the next run applies the rest.",
    details: { migrated, failed: held.plan.database.name },
    cause: error,
  });
}
