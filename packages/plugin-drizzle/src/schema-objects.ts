import type { Database } from "better-sqlite3";
import { quoted } from "./clone.ts";

export interface SchemaObject {
  readonly type: string;
  readonly name: string;
  readonly table: string;
  readonly sql: string | null;
}

/** Tables, indexes, views and triggers of the app, without SQLite's own, those that stand for a virtual table, and drizzle's. */
export function schemaObjects(db: Database): SchemaObject[] {
  const shadow = new Set(
    (db.pragma("table_list") as { schema: string; name: string; type: string }[])
      .filter(({ schema, type }) => schema === "main" && type === "shadow")
      .map(({ name }) => name),
  );
  const rows = db
    .prepare(
      "SELECT type, name, tbl_name AS \"table\", sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid",
    )
    .all() as SchemaObject[];
  return rows.filter(({ name, table }) => !shadow.has(name) && table !== "__drizzle_migrations");
}

/** A column that holds values of its own: generated ones are computed. */
export interface StoredColumn {
  readonly name: string;
  readonly type: string;
  /** The text of its default, an expression of SQL. */
  readonly default: string | null;
}

export function storedColumns(db: Database, table: string): StoredColumn[] {
  const columns = db.pragma(`table_xinfo(${quoted(table)})`) as {
    name: string;
    type: string;
    dflt_value: string | null;
    hidden: number;
  }[];
  return columns
    .filter(({ hidden }) => hidden === 0)
    .map(({ name, type, dflt_value }) => ({ name, type, default: dflt_value }));
}
