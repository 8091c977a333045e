import { describe, expect, it } from "vitest";
import { judgeStatement } from "./statement-rules.ts";
import { migrationStatements, splitStatements } from "./statements.ts";

describe("statements of a migration", () => {
  it("are divided at drizzle's breakpoints", () => {
    expect(migrationStatements("CREATE TABLE a (x);\n--> statement-breakpoint\nCREATE TABLE b (x);")).toEqual([
      "CREATE TABLE a (x)",
      "CREATE TABLE b (x)",
    ]);
  });

  it("are divided at semicolons within a chunk", () => {
    expect(splitStatements("INSERT INTO a VALUES (1); INSERT INTO a VALUES (2);;")).toEqual([
      "INSERT INTO a VALUES (1)",
      "INSERT INTO a VALUES (2)",
    ]);
  });

  it("leave out what has no statement: comments, blanks, a trailing breakpoint, a BOM", () => {
    const text =
      "\uFEFF-- Custom SQL migration file --\n/* ; */\n--> statement-breakpoint\nSELECT 1;\n--> statement-breakpoint\n";
    expect(migrationStatements(text)).toEqual(["SELECT 1"]);
  });

  it.each([
    ["a string", "INSERT INTO a VALUES ('x;''y;')"],
    ["a quoted name", 'CREATE TABLE "a;b" (`c;d` text, [e;f] text)'],
    ["a line comment", "SELECT 1 -- a; b\n, 2"],
    ["a block comment", "SELECT /* a; 'b */ 1"],
  ])("are not divided inside %s", (_, sql) => {
    expect(splitStatements(`${sql};`)).toEqual([sql]);
  });

  it.each(["CREATE TRIGGER", "create temp trigger", "CREATE TEMPORARY TRIGGER"])(
    "keep a trigger whole: %s",
    (create) => {
      const trigger = `${create} t AFTER INSERT ON a BEGIN UPDATE a SET x = CASE WHEN x > 1 THEN 2 END; DELETE FROM b; END`;
      expect(splitStatements(`${trigger}; SELECT 1;`)).toEqual([trigger, "SELECT 1"]);
    },
  );

  it("survive a string of some megabytes", () => {
    const sql = `INSERT INTO a VALUES ('${"it''s; ".repeat(500_000)}')`;
    expect(splitStatements(`${sql}; SELECT 1`)).toEqual([sql, "SELECT 1"]);
  });
});

describe("what a migration may say", () => {
  it.each([
    "BEGIN",
    "commit",
    "END TRANSACTION",
    "ROLLBACK",
    "SAVEPOINT a",
    "RELEASE a",
    "VACUUM",
    "ATTACH 'x' AS y",
    "DETACH y",
  ])("refuses %s", (sql) => {
    expect(judgeStatement(`/* why */ ${sql}`)).toBe("refuse");
  });

  it.each(["PRAGMA journal_mode=WAL", "PRAGMA main.writable_schema = 1", "pragma locking_mode(exclusive)", "PRAGMA"])(
    "refuses %s",
    (sql) => {
      expect(judgeStatement(sql)).toBe("refuse");
    },
  );

  it.each([
    "PRAGMA defer_foreign_keys = ON",
    "PRAGMA main.user_version=3",
    "PRAGMA application_id = 7",
    "PRAGMA optimize",
  ])("runs %s", (sql) => {
    expect(judgeStatement(sql)).toBe("run");
  });

  it("skips foreign_keys, which is off already", () => {
    expect(judgeStatement("PRAGMA foreign_keys=OFF")).toBe("skip");
  });

  it("runs a table that is called like a refused word", () => {
    expect(judgeStatement('CREATE TABLE "commit" (x)')).toBe("run");
  });
});
