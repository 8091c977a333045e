import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readApplied } from "./applied.ts";
import { applyPending, type PendingMigration } from "./apply.ts";

let db: Database.Database;
beforeEach(() => {
  db = new Database(":memory:");
  db.exec("CREATE TABLE t (x UNIQUE); BEGIN IMMEDIATE");
});
afterEach(() => db.close());

it("runs each statement that is not to be skipped, and writes a row for each migration", () => {
  applyPending(db, [migration("INSERT INTO t VALUES (1)"), migration("SELECT x FROM t", "PRAGMA user_version = 3")]);
  expect(db.prepare("SELECT x FROM t").all()).toEqual([{ x: 1 }]);
  expect(db.pragma("user_version", { simple: true })).toBe(3);
  expect(readApplied(db)).toHaveLength(2);
});

it.each<[sees: boolean, sql: string]>([
  [true, "UPDATE t SET x = 2"],
  [true, "WITH a AS (SELECT 1), b(y) AS MATERIALIZED (SELECT (1)) UPDATE t SET x = 2"],
  [true, "with a as (select (1)) delete from t"],
  [true, "WITH a(y) AS (SELECT 7) INSERT INTO t SELECT y FROM a"],
  [true, "INSERT INTO main.T VALUES (7)"],
  [true, "INSERT OR IGNORE INTO [t] VALUES (7)"],
  [true, "WITH a(y) AS (SELECT 7) REPLACE INTO t SELECT y FROM a"],
  [false, "WITH replace(y) AS (SELECT 7) SELECT y FROM replace"],
  [false, "WITH a(y) AS (SELECT 7) INSERT INTO fresh SELECT y FROM a"],
  [false, "INSERT INTO fresh SELECT x FROM t"],
  [false, "CREATE INDEX i ON t (x)"],
])("says whether the running release sees rows change or come: %s, %s", (sees, sql) => {
  const changes = applyPending(db, [migration("CREATE TABLE fresh (x)", sql)]);
  expect(changes.map(({ isSeen }) => isSeen)).toEqual([false, sees]);
});

it("leaves a statement out that is to be skipped", () => {
  applyPending(db, [{ ...migration(), statements: [{ sql: "no SQL at all", skip: true }] }]);
  expect(readApplied(db)).toHaveLength(1);
});

it("stops as soon as the transaction has ended, before the next statement is committed alone", () => {
  expect(() => applyPending(db, [migration("COMMIT", "INSERT INTO t VALUES (1)")])).toThrow("ended the transaction");
  expect(db.prepare("SELECT x FROM t").all()).toEqual([]);
});

it("says which statement failed, and with which code", () => {
  try {
    applyPending(db, [migration("INSERT INTO t VALUES (1)", "INSERT OR ROLLBACK INTO t VALUES (1)")]);
  } catch (error) {
    expect(error).toMatchObject({
      problem: {
        migration: "0000_test",
        number: 2,
        statement: "INSERT OR ROLLBACK INTO t VALUES (1)",
        sqlite: "SQLITE_CONSTRAINT_UNIQUE",
      },
    });
  }
  expect.assertions(1);
});

it("finishes a statement that answers rows", () => {
  applyPending(db, [migration("INSERT INTO t VALUES (1), (2) RETURNING x")]);
  expect(db.prepare("SELECT count(*) AS n FROM t").get()).toEqual({ n: 2 });
});

function migration(...statements: string[]): PendingMigration {
  return {
    tag: "0000_test",
    when: 1,
    hash: statements.join(),
    statements: statements.map((sql) => ({ sql, skip: false })),
  };
}
