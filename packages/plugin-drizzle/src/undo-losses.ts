import type { Database } from "better-sqlite3";
import { quoted } from "./clone.ts";
import { type SchemaObject, type StoredColumn, schemaObjects, storedColumns } from "./schema-objects.ts";

/** Something that the schema of before has no place for. */
export interface Loss {
  /** "table tags", or "users.sku". */
  readonly object: string;
  /** How many rows go with it, or how many have a value there. */
  readonly rows: number;
}

/**
 * What today's database would lose with the schema of its snapshot: the rows of tables that came since, and the values of
 * columns that did. NULL and a column's own default are no values: nobody wrote them.
 */
export function lossesOf(db: Database, snapshot: Database): Loss[] {
  const before = new Set(tableNames(snapshot));
  return tableNames(db)
    .flatMap((table) => (before.has(table) ? columnLosses(db, snapshot, table) : [tableLoss(db, table)]))
    .filter(({ rows }) => rows > 0);
}

/** "users.sku (3 rows have a value), table tags (12 rows)". */
export function describeLosses(losses: readonly Loss[]): string {
  return losses
    .map(({ object, rows }) => {
      const count = `${rows} row${rows === 1 ? "" : "s"}`;
      return `${object} (${object.startsWith("table ") ? count : `${count} ${rows === 1 ? "has" : "have"} a value`})`;
    })
    .join(", ");
}

/** Counts the values that changed when they were copied back under a column's older type: '007' becomes 7. */
export function conversionLosses(db: Database, table: string, kept: string, rowid: string): Loss[] {
  const types = new Map(storedColumns(db, table).map(({ name, type }) => [name, type]));
  const copied = db.pragma(`temp.table_info(${quoted(kept)})`) as { name: string }[];
  return copied
    .filter(({ name }) => types.has(name))
    .map(({ name }) => {
      const [old, now] = [`k.${quoted(name)}`, `t.${quoted(name)}`];
      // The number is the same, whether it is 5 or 5.0.
      const isNumber = [old, now].map((it) => `typeof(${it}) IN ('integer', 'real')`).join(" AND ");
      const rows = count(
        db,
        `temp.${quoted(kept)} k JOIN main.${quoted(table)} t ON t.rowid = k.${quoted(rowid)}
         WHERE CAST(${old} AS TEXT) IS NOT CAST(${now} AS TEXT) AND NOT (${isNumber} AND ${old} = ${now})`,
      );
      return { object: `${table}.${name}`, rows };
    })
    .filter(({ rows }) => rows > 0);
}

function tableNames(db: Database): string[] {
  return schemaObjects(db).flatMap((object) =>
    object.type === "table" && !isIndexOfAnother(object) ? [object.name] : [],
  );
}

/** A virtual table over the rows of another one, as FTS5 with `content=`: what it shows stands there. */
function isIndexOfAnother({ sql }: SchemaObject): boolean {
  return /^\s*CREATE\s+VIRTUAL[\s\S]*\bcontent\s*=\s*['"]?[^\s'",)]/i.test(sql ?? "");
}

function tableLoss(db: Database, table: string): Loss {
  return { object: `table ${table}`, rows: count(db, `main.${quoted(table)}`) };
}

function columnLosses(db: Database, snapshot: Database, table: string): Loss[] {
  const before = storedColumns(snapshot, table).map(({ name }) => name);
  return storedColumns(db, table)
    .filter(({ name }) => !before.includes(name))
    .map((column) => ({
      object: `${table}.${column.name}`,
      rows: count(db, `main.${quoted(table)} WHERE ${has(column)}`),
    }));
}

function has({ name, default: value }: StoredColumn): string {
  const column = quoted(name);
  // In double quotes it may be text or the name of a column: not to be told from here.
  const isPlain = value !== null && !value.includes('"');
  return `${column} IS NOT NULL${isPlain ? ` AND ${column} IS NOT (${value})` : ""}`;
}

function count(db: Database, from: string): number {
  return db.prepare(`SELECT count(*) FROM ${from}`).pluck().get() as number;
}
