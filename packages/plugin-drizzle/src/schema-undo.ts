import type { Database } from "better-sqlite3";

/** Why the schema of before cannot be had back without losing something. */
export class CannotUndo extends Error {}

interface SchemaObject {
  readonly type: string;
  readonly name: string;
  readonly table: string;
  readonly sql: string | null;
}

/**
 * Gives a database the schema of its snapshot and keeps every row of today: rows are copied out of each table that
 * differs, the table is made as it was, and they are copied in again, with what the old table has no place for left out.
 * Runs in the transaction that is open; foreign keys must have been off when it began.
 * @throws CannotUndo when a table or a column of before is gone, so that its rows could only come from the snapshot
 */
export function undoSchema(db: Database, snapshot: Database, hashes: readonly string[]): string[] {
  const before = objects(snapshot);
  const now = objects(db);
  const tables = before.filter(({ type }) => type === "table");
  refuseLoss(db, snapshot, tables, now);

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
    db.exec(`CREATE TEMP TABLE ${kept(name)} AS SELECT rowid AS "deployer rowid", * FROM main.${quote(name)}`);
  for (const name of remade) drop(db, "table", name);
  for (const { name, sql } of changed) {
    db.exec(sql!);
    copyIn(db, name);
    db.exec(`DROP TABLE temp.${kept(name)}`);
  }
  const there = objects(db);
  for (const type of ["index", "view", "trigger"]) {
    const missing = before.filter((object) => object.type === type && !there.some(isEqual(object)));
    for (const { sql } of missing) if (sql !== null) db.exec(sql);
  }
  // AUTOINCREMENT never gives a number twice, also that of a row that was deleted.
  for (const { name, seq } of counters) db.prepare("UPDATE sqlite_sequence SET seq = ? WHERE name = ?").run(seq, name);
  const forget = db.prepare("DELETE FROM __drizzle_migrations WHERE hash = ?");
  for (const hash of hashes) forget.run(hash);
  return [...remade];
}

/** Tables of the app, without SQLite's own, those that stand for a virtual table, and drizzle's. */
function objects(db: Database): SchemaObject[] {
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

function isEqual(one: SchemaObject): (other: SchemaObject) => boolean {
  return (other) => one.type === other.type && one.name === other.name && one.sql === other.sql;
}

function sequences(db: Database): { name: string; seq: number }[] {
  if (db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").get() === undefined) return [];
  return db.prepare("SELECT name, seq FROM sqlite_sequence").all() as { name: string; seq: number }[];
}

function refuseLoss(
  db: Database,
  snapshot: Database,
  tables: readonly SchemaObject[],
  now: readonly SchemaObject[],
): void {
  for (const { name, sql } of tables) {
    const today = now.find((object) => object.type === "table" && object.name === name);
    if (today === undefined) throw new CannotUndo(`the table ${name} is gone, and its rows with it`);
    const columns = columnNames(db, name);
    const gone = columnNames(snapshot, name).filter((column) => !columns.includes(column));
    if (gone.length > 0)
      throw new CannotUndo(`of the table ${name}, the column ${gone.join(", ")} is gone, and its values with it`);
    const isVirtual = /^\s*CREATE\s+VIRTUAL/i.test(sql ?? "") || /^\s*CREATE\s+VIRTUAL/i.test(today.sql ?? "");
    if (isVirtual && today.sql !== sql) throw new CannotUndo(`the virtual table ${name} differs`);
    if (today.sql !== sql && !hasRowid(db, name))
      throw new CannotUndo(`the table ${name} is WITHOUT ROWID and differs`);
  }
}

/** Columns that hold values of their own: generated ones are computed. */
function columnNames(db: Database, table: string): string[] {
  const columns = db.pragma(`table_xinfo(${quote(table)})`) as { name: string; hidden: number }[];
  return columns.filter(({ hidden }) => hidden === 0).map(({ name }) => name);
}

function hasRowid(db: Database, table: string): boolean {
  const found = (db.pragma("table_list") as { schema: string; name: string; wr: number }[]).find(
    ({ schema, name }) => schema === "main" && name === table,
  );
  return found?.wr === 0;
}

/** In the order of their rowids, which stay: other tables may point at them. */
function copyIn(db: Database, table: string): void {
  const columns = columnNames(db, table).map(quote);
  const alias = (db.pragma(`table_info(${quote(table)})`) as { type: string; pk: number }[]).some(
    ({ type, pk }) => pk > 0 && type.toUpperCase() === "INTEGER",
  );
  const names = alias ? columns : ["rowid", ...columns];
  const values = alias ? columns : ['"deployer rowid"', ...columns];
  db.exec(
    `INSERT INTO main.${quote(table)} (${names.join(", ")}) SELECT ${values.join(", ")} FROM temp.${kept(table)} ORDER BY "deployer rowid"`,
  );
}

function drop(db: Database, type: string, name: string): void {
  db.exec(`DROP ${type} IF EXISTS main.${quote(name)}`);
}

function kept(table: string): string {
  return quote(`deployer kept ${table}`);
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
