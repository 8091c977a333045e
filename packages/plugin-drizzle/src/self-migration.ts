import type { SettleContext } from "@deployer/core";
import Database from "better-sqlite3";
import { drizzleError } from "./errors.ts";
import type { Rehearsed } from "./rehearse.ts";
import { readSchema, type Schema, schemaDifference } from "./schema.ts";

/**
 * Looks whether build or trial changed the schema of a copy. A database without `migrations` is the app's own affair,
 * so there it is only told.
 * @throws ERR_SELF_MIGRATED
 */
export async function refuseSelfMigration(
  { plan, copy, schema }: Rehearsed,
  { fs, warn }: SettleContext,
): Promise<void> {
  const { name, migrations } = plan.database;
  const file = await fs.resolve(copy);
  const changed = file === undefined ? ["the whole file"] : schemaDifference(schema, schemaOfCopy(copy));
  if (changed.length === 0) return;
  if (migrations === undefined) {
    warn(
      `${name}: build or trial changed the schema of its copy by itself (${changed.join(", ")}); the live start will do so too.`,
    );
    return;
  }
  if (plan.database.selfMigrates === true) {
    warn(
      `${name}: build or trial changed the schema of its copy by itself (${changed.join(", ")}), as \`selfMigrates\` allows.`,
    );
    return;
  }
  throw drizzleError("ERR_SELF_MIGRATED", {
    message: `Build or trial changed the schema of "${name}" by itself, on its copy: ${changed.join(", ")}.`,
    hint: `Remove what creates or alters tables when the app starts, and generate a migration in ${migrations} instead. \`selfMigrates: true\` lets it pass.`,
    details: { database: name, changed },
  });
}

// The trial may have been killed in the middle of a write: only a connection that may write can recover that.
function schemaOfCopy(copy: string): Schema {
  const db = new Database(copy, { fileMustExist: true });
  try {
    return readSchema(db);
  } finally {
    db.close();
  }
}
