import type { Database } from "better-sqlite3";
import { quoted } from "./clone.ts";
import type { Finding } from "./compatibility-rules.ts";
import type { SchemaModel, Table } from "./schema-model.ts";

/**
 * Compiles what an older release may send, on the schema after: reads and writes of each old table with all its old
 * columns. It finds what no table's own definition shows, as a trigger whose target is gone, or a view that no longer
 * compiles. Nothing is run.
 */
export function probe(before: SchemaModel, db: Database, known: readonly Finding[]): Finding[] {
  return [...before.tables.values()].flatMap((table) => {
    // A table that a rule has spoken of already needs no second voice.
    if (known.some(({ verdict, object }) => verdict === "breaks" && names(object, table))) return [];
    const failed = statements(table).flatMap((sql) => compile(db, sql) ?? [])[0];
    if (failed === undefined) return [];
    const object = `${table.kind === "view" ? "view" : "table"} ${table.name}`;
    return [{ rule: "probe", verdict: "breaks" as const, object, what: `its reads or writes fail: ${failed}` }];
  });
}

function statements({ name, kind, columns }: Table): string[] {
  const all = columns.map((it) => quoted(it.name));
  const written = columns.filter(({ generated }) => generated === undefined).map((it) => quoted(it.name));
  const table = quoted(name);
  const reads = [`SELECT ${all.length === 0 ? "1" : all.join(", ")} FROM ${table}`];
  if (kind !== "table" || written.length === 0) return reads;
  return [
    ...reads,
    `INSERT INTO ${table} (${written.join(", ")}) VALUES (${written.map(() => "NULL").join(", ")})`,
    `UPDATE ${table} SET ${written.map((it) => `${it} = ${it}`).join(", ")}`,
    `DELETE FROM ${table}`,
  ];
}

function compile(db: Database, sql: string): string | undefined {
  try {
    db.prepare(`EXPLAIN ${sql}`);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function names(object: string, { name }: Table): boolean {
  return object.split(/[\s.:]+/).includes(name);
}
