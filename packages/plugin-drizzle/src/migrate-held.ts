import { statSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { readApplied } from "./applied.ts";
import { applyPending, MigrationFailure } from "./apply.ts";
import { drizzleError } from "./errors.ts";
import type { HeldDatabase } from "./held-transactions.ts";
import { readSchema, type Schema, schemaDifference } from "./schema.ts";

/**
 * Runs a database's pending migrations in its held transaction. Nothing in here waits: the app's writers do.
 * `rehearsed` is the schema that the rehearsal ended with, when there was one.
 */
export function migrateHeld({ plan, connection }: HeldDatabase, rehearsed: Schema | undefined): void {
  refuseChanged({ plan, connection });
  applyPending(connection, plan.pending);
  const strange = rehearsed === undefined ? [] : schemaDifference(rehearsed, readSchema(connection));
  if (strange.length > 0) {
    throw new MigrationFailure({ reason: `the schema would be another one than on the copy: ${strange.join(", ")}` });
  }
}

/** What was rehearsed must still be there: the same file with the same schema and the same applied migrations. */
function refuseChanged({ plan: { database, live }, connection }: HeldDatabase): void {
  const file = statSync(database.path, { throwIfNoEntry: false });
  const changed = [
    ...(file?.dev === live.device && file.ino === live.inode ? [] : ["the file itself"]),
    ...(isDeepStrictEqual(readApplied(connection), live.applied) ? [] : ["the applied migrations"]),
    ...schemaDifference(live.schema, readSchema(connection)),
  ];
  if (changed.length === 0) return;
  throw drizzleError("ERR_DATABASE_CHANGED", {
    message: `The database "${database.name}" (${database.path}) changed since the run looked at it: ${changed.join(", ")}. Nothing was changed by the run.`,
    hint: "Find out who migrates it besides the deployer, then deploy again.",
    details: { database: database.name, file: database.path, changed },
  });
}
