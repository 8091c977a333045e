import type { Database } from "better-sqlite3";
import { MIGRATIONS_TABLE } from "./applied.ts";
import { quoted } from "./clone.ts";
import { normalizedSql, tableText } from "./table-text.ts";

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly default: string | null;
  /** Place in the primary key, from 1; 0 is none. */
  readonly key: number;
  readonly generated: "stored" | "virtual" | undefined;
  readonly collation: string;
}

/** What may hold a value only once: columns and, of a partial index, its condition. */
export interface UniqueRule {
  readonly name: string;
  readonly columns: readonly string[];
  readonly text: string;
  /** By which each of the columns is compared. */
  readonly collations: readonly string[];
  /** Partial or of an expression. */
  readonly isOdd: boolean;
  /** The table's text says ON CONFLICT, perhaps of this one. */
  readonly hasConflictClause: boolean;
}

export interface Table {
  readonly name: string;
  readonly kind: "table" | "view" | "virtual";
  readonly columns: readonly Column[];
  readonly uniques: readonly UniqueRule[];
  /** Plain indexes by name. */
  readonly indexes: readonly string[];
  /** One of them is partial or of an expression. */
  readonly hasOddIndex: boolean;
  /** Foreign keys as text, without their actions, to their actions. */
  readonly foreignKeys: ReadonlyMap<string, ForeignKey>;
  readonly checks: readonly string[];
  readonly strict: boolean;
  readonly withoutRowid: boolean;
  readonly autoincrement: boolean;
  /** Of a view or a virtual table. */
  readonly text: string;
}

interface ForeignKey {
  readonly columns: readonly string[];
  /** In small letters. */
  readonly parent: string;
  readonly actions: string;
}

export interface Trigger {
  readonly name: string;
  readonly table: string;
  readonly text: string;
  readonly sql: string;
}

/** A schema as the rules look at it. Names are compared as SQLite does: without regard to case. */
export interface SchemaModel {
  readonly tables: ReadonlyMap<string, Table>;
  readonly triggers: ReadonlyMap<string, Trigger>;
}

export type ModelCache = Map<string, Table>;

/** Reads the model. Tables whose text is in the cache are not asked again: many migrations change few of them. */
export function readModel(db: Database, cache: ModelCache = new Map()): SchemaModel {
  const master = db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_master").all() as MasterRow[];
  const texts = new Map<string, string>();
  for (const { type, tbl_name, sql } of master) {
    if (type === "table" || type === "index") texts.set(tbl_name, `${texts.get(tbl_name) ?? ""}\n${sql}`);
  }
  const tables = new Map<string, Table>();
  for (const listed of tableList(db)) {
    if (listed.name.startsWith("sqlite_") || listed.name === MIGRATIONS_TABLE || listed.type === "shadow") continue;
    const text = texts.get(listed.name);
    // The columns of a view depend on its tables: never from the cache.
    const key = text === undefined ? undefined : `${listed.name}\n${text}`;
    const table = (key === undefined ? undefined : cache.get(key)) ?? readTable(db, listed, master);
    if (key !== undefined) cache.set(key, table);
    tables.set(fold(listed.name), table);
  }
  const triggers = master.flatMap(({ type, name, tbl_name, sql }) =>
    type === "trigger"
      ? [[fold(name), { name, table: tbl_name, text: normalizedSql(sql ?? ""), sql: sql ?? "" }] as const]
      : [],
  );
  return { tables, triggers: new Map(triggers) };
}

export function fold(name: string): string {
  return name.toLowerCase();
}

interface MasterRow {
  readonly type: string;
  readonly name: string;
  readonly tbl_name: string;
  readonly sql: string | null;
}

interface Listed {
  readonly schema: string;
  readonly name: string;
  readonly type: "table" | "view" | "virtual" | "shadow";
  readonly wr: number;
  readonly strict: number;
}

function tableList(db: Database): Listed[] {
  return (db.pragma("table_list") as Listed[]).filter(({ schema }) => schema === "main");
}

function readTable(db: Database, listed: Listed, master: readonly MasterRow[]): Table {
  const sql = master.find(({ name, type }) => name === listed.name && type !== "trigger")?.sql ?? "";
  const text = listed.type === "table" ? tableText(sql, listed.name) : undefined;
  return {
    name: listed.name,
    kind: listed.type as Table["kind"],
    columns: readColumns(db, listed, text?.collations ?? new Map()),
    ...readIndexes(db, listed.name, master, text?.hasConflictClause ?? false),
    foreignKeys: readForeignKeys(db, listed.name),
    checks: text?.checks ?? [],
    strict: listed.strict === 1,
    withoutRowid: listed.wr === 1,
    autoincrement: text?.autoincrement ?? false,
    text: listed.type === "table" ? "" : normalizedSql(sql),
  };
}

function readColumns(db: Database, { name, type }: Listed, collations: ReadonlyMap<string, string>): Column[] {
  interface Info {
    name: string;
    type: string;
    notnull: number;
    dflt_value: string | null;
    pk: number;
    hidden: number;
  }
  let rows: Info[];
  try {
    rows = db.pragma(`table_xinfo(${quoted(name)})`) as Info[];
  } catch (error) {
    // A view that no longer compiles has no columns; what it lacks is told by the rules.
    if (type === "view") return [];
    throw error;
  }
  return rows
    .filter(({ hidden }) => hidden !== 1)
    .map((row) => ({
      name: row.name,
      type: row.type.toUpperCase(),
      notNull: row.notnull === 1,
      default: row.dflt_value,
      key: row.pk,
      generated: row.hidden === 2 ? "virtual" : row.hidden === 3 ? "stored" : undefined,
      collation: collations.get(fold(row.name)) ?? "BINARY",
    }));
}

interface Index {
  readonly name: string;
  readonly unique: number;
  readonly partial: number;
  /** "c": by CREATE INDEX. */
  readonly origin: string;
}

interface IndexPart {
  readonly name: string | null;
  readonly coll: string;
  readonly key: number;
}

function readIndexes(
  db: Database,
  table: string,
  master: readonly MasterRow[],
  hasConflictClause: boolean,
): Pick<Table, "uniques" | "indexes" | "hasOddIndex"> {
  const uniques: UniqueRule[] = [];
  const indexes: string[] = [];
  let hasOddIndex = false;
  for (const { name, unique, partial, origin } of db.pragma(`index_list(${quoted(table)})`) as Index[]) {
    const parts = (db.pragma(`index_xinfo(${quoted(name)})`) as IndexPart[]).filter(({ key }) => key === 1);
    const columns = parts.flatMap((part) => part.name ?? []);
    const isOdd = partial === 1 || columns.length < parts.length;
    hasOddIndex ||= isOdd;
    if (unique === 0) {
      indexes.push(name);
      continue;
    }
    const sql = master.find((row) => row.type === "index" && row.name === name)?.sql ?? "";
    // An expression or a condition is only in the text, from the first parenthesis on.
    const text = isOdd ? normalizedSql(sql.slice(sql.indexOf("("))) : columns.map(fold).sort().join(", ");
    const collations = parts.map(({ coll }) => coll.toUpperCase());
    uniques.push({ name, columns, text, collations, isOdd, hasConflictClause: origin !== "c" && hasConflictClause });
  }
  return { uniques, indexes, hasOddIndex };
}

function readForeignKeys(db: Database, table: string): Table["foreignKeys"] {
  interface Row {
    id: number;
    table: string;
    from: string;
    to: string | null;
    on_update: string;
    on_delete: string;
  }
  const byId = new Map<number, Row[]>();
  for (const row of db.pragma(`foreign_key_list(${quoted(table)})`) as Row[]) {
    byId.set(row.id, [...(byId.get(row.id) ?? []), row]);
  }
  return new Map(
    [...byId.values()].map((rows) => {
      const columns = rows.map(({ from }) => from);
      const to = rows.map((row) => row.to ?? "").join(", ");
      const text = `${columns.join(", ")} → ${rows[0]!.table}(${to})`;
      const { on_update, on_delete } = rows[0]!;
      return [
        fold(text),
        { columns, parent: fold(rows[0]!.table), actions: `ON UPDATE ${on_update} ON DELETE ${on_delete}` },
      ];
    }),
  );
}
