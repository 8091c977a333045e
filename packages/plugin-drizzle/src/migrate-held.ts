import { statSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { readApplied } from "./applied.ts";
import { applyPending, MigrationFailure, problemOf } from "./apply.ts";
import { HeldFailure } from "./held-failure.ts";
import type { HeldDatabase } from "./held-transactions.ts";
import { readSchema, type Schema, schemaDifference } from "./schema.ts";

/**
 * Runs a database's pending migrations in its held transaction and answers the schema that they end with. Nothing in
 * here waits: the app's writers do.
 */
export function migrateHeld({ database, connection }: HeldDatabase): Schema {
  try {
    applyPending(connection, database.pending);
    const schema = readSchema(connection);
    const strange = database.after === null ? [] : schemaDifference(database.after, schema);
    if (strange.length === 0) return schema;
    throw new MigrationFailure({ reason: `the schema would be another one than on the copy: ${strange.join(", ")}` });
  } catch (error) {
    throw new HeldFailure(database.name, { kind: "migration", problem: problemOf(error) }, error);
  }
}

/** What was rehearsed must still be there: the same file with the same schema and the same applied migrations. */
export function refuseChanged({ database, connection }: HeldDatabase): void {
  const { name, path, live, applied, before } = database;
  const file = statSync(path, { throwIfNoEntry: false });
  const changed = [
    ...(file?.dev === live.device && file.ino === live.inode ? [] : ["the file itself"]),
    ...(isDeepStrictEqual(readApplied(connection), applied) ? [] : ["the applied migrations"]),
    ...schemaDifference(before, readSchema(connection)),
  ];
  if (changed.length > 0) throw new HeldFailure(name, { kind: "changed", changed });
}
