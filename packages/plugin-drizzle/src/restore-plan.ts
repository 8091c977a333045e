import Database from "better-sqlite3";
import { quoted } from "./clone.ts";
import type { CopyBack } from "./copy-back.ts";
import { schemaObjects } from "./schema-objects.ts";
import { readDatabase } from "./sqlite.ts";

/** What a restore does to the rows of a database: "users 12 → 10 rows, tags 3 → gone"; `undefined`: today's cannot be read. */
export function foretellRestore({ path, snapshot }: CopyBack): string | undefined {
  let today: ReadonlyMap<string, number>;
  try {
    today = readDatabase(path, countRows);
  } catch {
    return undefined;
  }
  const db = new Database(snapshot, { fileMustExist: true });
  try {
    const then = countRows(db);
    const changed = [...new Set([...today.keys(), ...then.keys()])].filter(
      (table) => today.get(table) !== then.get(table),
    );
    if (changed.length === 0) return "as many rows as today in each table";
    return changed.map((table) => `${table} ${today.get(table) ?? "new"} → ${then.get(table) ?? "gone"}`).join(", ");
  } finally {
    db.close();
  }
}

function countRows(db: Database.Database): ReadonlyMap<string, number> {
  const tables = schemaObjects(db).filter(
    ({ type, sql }) => type === "table" && !/^\s*CREATE\s+VIRTUAL/i.test(sql ?? ""),
  );
  return new Map(
    tables.map(({ name }) => [
      name,
      db
        .prepare(`SELECT count(*) FROM main.${quoted(name)}`)
        .pluck()
        .get() as number,
    ]),
  );
}
