import type { Database } from "better-sqlite3";
import { quoted } from "./clone.ts";
import type { Table } from "./schema-model.ts";

type Row = readonly unknown[];
type Step = readonly [sql: string, values?: Row];

const BIG = 2n ** 63n - 1n;
/** What an app may write into any column that does not forbid it. */
const VALUES: Row = [
  null,
  0,
  1,
  -1,
  1.5,
  BIG,
  -BIG - 1n,
  "",
  "text",
  "12",
  '{"a":',
  "ü".repeat(500),
  Buffer.from([0, 255]),
];
const START = "deployer_start";
const CONFLICTS = ["OR ABORT", "OR FAIL", "OR IGNORE", "OR REPLACE"];

/**
 * Whether writes of an older release go on as they did without these triggers: each shape of INSERT, UPDATE and DELETE
 * with its old columns, run with and without them, has the same outcome. All of it is taken back.
 */
export function triggersGoUnnoticed(db: Database, table: Table, triggers: readonly string[]): boolean {
  const written = table.columns.filter(({ generated }) => generated === undefined);
  const columns = written.map(({ name }) => name);
  const rows = samples(db, table.name, columns);
  const shapes = shapesOf(table.name, columns, rows[0] ?? written.map(({ type }) => example(type)), rows);
  return inSavepoint(db, () => {
    db.exec(`CREATE TEMP TABLE ${START} (id integer PRIMARY KEY)`);
    const before = inSavepoint(db, () => {
      for (const name of triggers) db.exec(`DROP TRIGGER main.${quoted(name)}`);
      return shapes.map((steps) => outcomes(db, steps));
    });
    // Nothing is proven where the plain shape fails by itself: then no write came as far as the triggers.
    if (before[0]!.some((outcome) => !outcome.startsWith("ok"))) return false;
    return shapes.every((steps, index) => outcomes(db, steps).join("\n") === before[index]!.join("\n"));
  });
}

/** The first is the plain one: a row comes, changes, goes, and comes again. */
function shapesOf(table: string, columns: readonly string[], base: Row, rows: readonly Row[]): Step[][] {
  const name = quoted(table);
  const insert = (row: Row, how = "", then = ""): Step => {
    const places = row.map(() => "?").join(", ");
    return [`INSERT ${how} INTO ${name} (${columns.map(quoted).join(", ")}) VALUES (${places}) ${then}`, row];
  };
  const set = (to: (column: string) => string): string =>
    columns
      .map(quoted)
      .map((it) => `${it} = ${to(it)}`)
      .join(", ");
  const same: Step = [`UPDATE ${name} SET ${set((it) => it)}`];
  const empty: Step = [`DELETE FROM ${name}`];
  const withValue = (index: number, value: unknown): Row => base.with(index, value);
  return [
    [empty, insert(base), same, empty, insert(base)],
    [same, empty, ...rows.map((row) => insert(row)), same],
    [
      insert(base),
      insert(base, "", "ON CONFLICT DO NOTHING"),
      insert(base, "", `ON CONFLICT DO UPDATE SET ${set((it) => `excluded.${it}`)}`),
      same,
    ],
    ...CONFLICTS.map((how) => [
      insert(base, how),
      insert(base, how),
      [`UPDATE ${how} ${name} SET ${set((it) => it)}`] as const,
      empty,
      insert(base),
    ]),
    [empty, insert(columns.map(() => null)), [`INSERT INTO ${name} DEFAULT VALUES`], same, empty],
    ...columns.flatMap((column, index) =>
      VALUES.map((value): Step[] => [
        empty,
        insert(withValue(index, value)),
        same,
        [`UPDATE ${name} SET ${quoted(column)} = ?`, [base[index]]],
        insert(withValue(index, value)),
        [`UPDATE ${name} SET ${quoted(column)} = ?`, [value]],
        insert(base),
        empty,
        insert(withValue(index, value)),
      ]),
    ),
  ];
}

/** Each step on what those before it left; nothing is left of them. */
function outcomes(db: Database, steps: readonly Step[]): string[] {
  return inSavepoint(db, () => {
    // So that last_insert_rowid() is the same at the start.
    db.exec(`INSERT INTO temp.${START} VALUES (0)`);
    return steps.map((step) => outcome(db, step));
  });
}

function outcome(db: Database, [sql, values = []]: Step): string {
  try {
    const { changes, lastInsertRowid } = db.prepare(sql).run(...values);
    return `ok ${changes} ${lastInsertRowid}`;
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

function inSavepoint<T>(db: Database, act: () => T): T {
  db.exec("SAVEPOINT deployer_trial");
  try {
    return act();
  } finally {
    // SQLite takes everything back by itself when memory is full.
    if (db.inTransaction) db.exec("ROLLBACK TO deployer_trial; RELEASE deployer_trial");
  }
}

function samples(db: Database, table: string, columns: readonly string[]): Row[] {
  const rows = db.prepare(`SELECT ${columns.map(quoted).join(", ")} FROM ${quoted(table)} LIMIT 5`);
  return rows.raw().safeIntegers().all() as Row[];
}

function example(type: string): unknown {
  if (type.includes("INT")) return 1;
  return type.includes("BLOB") ? Buffer.from([1]) : type === "" || /CHAR|CLOB|TEXT/.test(type) ? "a" : 1;
}
