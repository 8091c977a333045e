import type { Database } from "better-sqlite3";
import { quoted } from "./clone.ts";
import { type SchemaObject, schemaObjects, storedColumns } from "./schema-objects.ts";
import { conversionLosses, type Loss } from "./undo-losses.ts";

/** Why the schema of before cannot be had back: something of it is gone. */
export class CannotUndo extends Error {}

/** Keeps the number of each row while its table is made anew. */
const ROWID = "deployer rowid";

/**
 * Gives a database the schema of its snapshot, with the rows of today: they are copied out of each table that differs,
 * the table is made as it was, and they are copied in again. What the old schema has no place for is given up: see
 * `lossesOf`. What the migration did to rows stays.
 * Runs in the transaction that is open; foreign keys must have been off when it began.
 * @returns values that an older type of their column could not keep
 * @throws CannotUndo when a table or a column of before is gone, so that its rows could only come from the snapshot
 */
export function undoSchema(db: Database, snapshot: Database, hashes: readonly string[]): Loss[] {
  const before = schemaObjects(snapshot);
  const now = schemaObjects(db);
  const tables = before.filter(({ type }) => type === "table");
  refuseImpossible(db, snapshot);
  const losses: Loss[] = [];

  const changed = tables.filter((table) => !now.some(isEqual(table)));
  const added = now.filter(({ type, name }) => type === "table" && !tables.some((table) => table.name === name));
  const counters = sequences(db);
  const remade = new Set([...changed, ...added].map(({ name }) => name));
  // What depends on tables goes first, and comes back when they are there.
  for (const object of now.filter(({ type, sql }) => type !== "table" && sql !== null)) {
    const stays = object.type === "index" && !remade.has(object.table) && before.some(isEqual(object));
    if (!stays) drop(db, object.type, object.name);
  }
  for (const { name } of changed)
    db.exec(`CREATE TEMP TABLE ${quoted(kept(name))} AS SELECT rowid AS ${quoted(ROWID)}, * FROM main.${quoted(name)}`);
  for (const name of remade) drop(db, "table", name);
  for (const { name, sql } of changed) {
    db.exec(sql!);
    copyIn(db, name);
    losses.push(...conversionLosses(db, name, kept(name), ROWID));
    db.exec(`DROP TABLE temp.${quoted(kept(name))}`);
  }
  const there = schemaObjects(db);
  for (const type of ["index", "view", "trigger"]) {
    const missing = before.filter((object) => object.type === type && !there.some(isEqual(object)));
    for (const { sql } of missing) if (sql !== null) db.exec(sql);
  }
  // AUTOINCREMENT never gives a number twice, also that of a row that was deleted.
  for (const { name, seq } of counters) db.prepare("UPDATE sqlite_sequence SET seq = ? WHERE name = ?").run(seq, name);
  const forget = db.prepare("DELETE FROM __drizzle_migrations WHERE hash = ?");
  for (const hash of hashes) forget.run(hash);
  return losses;
}

function isEqual(one: SchemaObject): (other: SchemaObject) => boolean {
  return (other) => one.type === other.type && one.name === other.name && one.sql === other.sql;
}

function sequences(db: Database): { name: string; seq: number }[] {
  if (db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").get() === undefined) return [];
  return db.prepare("SELECT name, seq FROM sqlite_sequence").all() as { name: string; seq: number }[];
}

/** @throws CannotUndo */
export function refuseImpossible(db: Database, snapshot: Database): void {
  const now = schemaObjects(db);
  const tables = schemaObjects(snapshot).filter(({ type }) => type === "table");
  for (const { name, sql } of tables) {
    const today = now.find((object) => object.type === "table" && object.name === name);
    if (today === undefined) throw new CannotUndo(`the table ${name} is gone or has another name`);
    const columns = columnNames(db, name);
    const gone = columnNames(snapshot, name).filter((column) => !columns.includes(column));
    if (gone.length > 0)
      throw new CannotUndo(`of the table ${name}, the column ${gone.join(", ")} is gone or has another name`);
    const isVirtual = /^\s*CREATE\s+VIRTUAL/i.test(sql ?? "") || /^\s*CREATE\s+VIRTUAL/i.test(today.sql ?? "");
    if (isVirtual && today.sql !== sql) throw new CannotUndo(`the virtual table ${name} differs`);
    if (today.sql !== sql && !hasRowid(db, name))
      throw new CannotUndo(`the table ${name} is WITHOUT ROWID and differs`);
  }
}

function columnNames(db: Database, table: string): string[] {
  return storedColumns(db, table).map(({ name }) => name);
}

function hasRowid(db: Database, table: string): boolean {
  const found = (db.pragma("table_list") as { schema: string; name: string; wr: number }[]).find(
    ({ schema, name }) => schema === "main" && name === table,
  );
  return found?.wr === 0;
}

/** In the order of their rowids, which stay: other tables may point at them. */
function copyIn(db: Database, table: string): void {
  const columns = columnNames(db, table).map(quoted);
  const alias = (db.pragma(`table_info(${quoted(table)})`) as { type: string; pk: number }[]).some(
    ({ type, pk }) => pk > 0 && type.toUpperCase() === "INTEGER",
  );
  const names = alias ? columns : ["rowid", ...columns];
  const values = alias ? columns : [quoted(ROWID), ...columns];
  db.exec(
    `INSERT INTO main.${quoted(table)} (${names.join(", ")}) SELECT ${values.join(", ")} FROM temp.${quoted(kept(table))} ORDER BY ${quoted(ROWID)}`,
  );
}

function drop(db: Database, type: string, name: string): void {
  db.exec(`DROP ${type} IF EXISTS main.${quoted(name)}`);
}

function kept(table: string): string {
  return `deployer kept ${table}`;
}
