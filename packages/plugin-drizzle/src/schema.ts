import type { Database } from "better-sqlite3";
import { MIGRATIONS_TABLE } from "./applied.ts";

/** The schema of a database as text: one entry for each table, index, view and trigger. */
export type Schema = Readonly<Record<string, string>>;

/** SQLite's own objects and drizzle's table are left out: they come and go without a change of the app's schema. */
export function readSchema(db: Database): Schema {
  const rows = db
    .prepare(
      `SELECT type || ' ' || name AS object, coalesce(sql, '') AS sql FROM sqlite_master
       WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name <> ? ORDER BY type, name`,
    )
    .all(MIGRATIONS_TABLE) as { object: string; sql: string }[];
  return Object.fromEntries(rows.map(({ object, sql }) => [object, sql]));
}

/** What differs, as "table users"; empty when the two are the same. */
export function schemaDifference(before: Schema, after: Schema): string[] {
  const objects = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...objects].filter((object) => before[object] !== after[object]);
}
