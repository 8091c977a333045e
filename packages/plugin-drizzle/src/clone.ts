import Database from "better-sqlite3";
import { MIGRATIONS_TABLE } from "./applied.ts";

/** Enough to meet what an empty table lets pass: ADD of a NOT NULL column, a default that is not constant. */
const SAMPLE_ROWS = 5;
/** What migrations may add to it: one that makes rows without end must not take the memory of what serves. */
export const MOST_MEBIBYTES = 256;
const RANK = ["table", "index", "view", "trigger"];

interface SchemaObject {
  readonly type: string;
  readonly name: string;
  readonly sql: string;
}

/**
 * A database in memory with the schema of `source`, drizzle's rows, and a few rows of each table when asked. The source
 * is only read. What the app registers (functions, collations, extensions) is there when `setup` registers it; without
 * it SQLite throws.
 */
export function cloneIntoMemory(
  source: Database.Database | undefined,
  rows: "samples" | "none",
  setup: (db: Database.Database) => void,
): Database.Database {
  const clone = new Database(":memory:");
  try {
    clone.pragma("foreign_keys = OFF");
    setup(clone);
    if (source !== undefined) copySchema(source, clone, rows === "samples" ? SAMPLE_ROWS : 0);
    limitGrowth(clone);
    return clone;
  } catch (error) {
    clone.close();
    throw error;
  }
}

function limitGrowth(clone: Database.Database): void {
  const number = (name: string): number => Number(clone.pragma(name, { simple: true }));
  const pages = (MOST_MEBIBYTES * 2 ** 20) / number("page_size");
  clone.pragma(`max_page_count = ${number("page_count") + pages}`);
}

function copySchema(source: Database.Database, clone: Database.Database, sampleRows: number): void {
  const ordinary = ordinaryTables(source);
  const objects = schemaObjects(source);
  clone.transaction(() => {
    for (const { type, name, sql } of objects) {
      // Rows before triggers, or each row would fire them.
      if (type === "trigger") continue;
      clone.prepare(sql).run();
      if (type === "table" && ordinary.has(name)) {
        copyRows(source, clone, name, name === MIGRATIONS_TABLE ? undefined : sampleRows);
      }
    }
    for (const { type, sql } of objects) if (type === "trigger") clone.prepare(sql).run();
  })();
}

/** Tables before what stands on them. SQLite makes its own objects and those of virtual tables by itself. */
function schemaObjects(source: Database.Database): SchemaObject[] {
  const shadows = new Set(tableList(source).flatMap(({ name, type }) => (type === "shadow" ? [name] : [])));
  const objects = source
    .prepare("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    .all() as (SchemaObject & { readonly tbl_name: string })[];
  return objects
    .filter(({ name, tbl_name }) => !name.startsWith("sqlite_") && !shadows.has(tbl_name))
    .sort((a, b) => RANK.indexOf(a.type) - RANK.indexOf(b.type));
}

function ordinaryTables(source: Database.Database): Set<string> {
  return new Set(tableList(source).flatMap(({ name, type }) => (type === "table" ? [name] : [])));
}

function tableList(db: Database.Database): { name: string; type: string }[] {
  return (db.pragma("table_list") as { schema: string; name: string; type: string }[]).filter(
    ({ schema }) => schema === "main",
  );
}

function copyRows(source: Database.Database, clone: Database.Database, table: string, limit: number | undefined): void {
  if (limit === 0) return;
  const columns = (source.pragma(`table_xinfo(${quoted(table)})`) as { name: string; hidden: number }[])
    .filter(({ hidden }) => hidden === 0)
    .map(({ name }) => quoted(name));
  if (columns.length === 0) return;
  const rows = source
    .prepare(`SELECT ${columns.join(", ")} FROM ${quoted(table)}${limit === undefined ? "" : ` LIMIT ${limit}`}`)
    .safeIntegers()
    .raw()
    .all() as unknown[][];
  const insert = clone.prepare(
    `INSERT INTO ${quoted(table)} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
  );
  for (const row of rows) insert.run(...row);
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
