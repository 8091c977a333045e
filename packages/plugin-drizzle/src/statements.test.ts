import { describe, expect, it } from "vitest";
import { judgeStatement, judgeStatements } from "./statement-rules.ts";
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

describe("foreign keys, switched off around a rebuild by leaving drizzle's transaction", () => {
  const OFF = ["COMMIT", "PRAGMA foreign_keys=OFF", "BEGIN"];
  const ON = ["COMMIT", "PRAGMA foreign_keys=ON", "BEGIN"];
  const REBUILD = ["CREATE TABLE n (x)", "DROP TABLE t", "ALTER TABLE n RENAME TO t"];
  const SKIPPED = Array(3).fill("skip");
  const RUN = Array(3).fill("run");

  it("are skipped as pairs, however they are written, and what is between runs", () => {
    expect(judgeStatements(["SELECT 1", ...OFF, ...REBUILD, ...ON, "SELECT 2"])).toEqual([
      "run",
      ...SKIPPED,
      ...RUN,
      ...SKIPPED,
      "run",
    ]);
    const other = ["commit transaction", "pragma foreign_keys = 0", "begin immediate transaction"];
    const back = ["/* back */ COMMIT", "PRAGMA foreign_keys = true -- again", "BEGIN"];
    expect(judgeStatements([...other, ...REBUILD, ...back, ...OFF, ...ON])).toEqual([
      ...SKIPPED,
      ...RUN,
      ...SKIPPED,
      ...SKIPPED,
      ...SKIPPED,
    ]);
  });

  it.each<[string, readonly string[]]>([
    ["a COMMIT alone", ["COMMIT", ...REBUILD]],
    ["without the PRAGMA", ["COMMIT", "BEGIN", ...REBUILD, ...ON]],
    ["never switched on again", [...OFF, ...REBUILD]],
    [
      "switched on without a BEGIN, so that drizzle's own COMMIT fails",
      [...OFF, ...REBUILD, "COMMIT", "PRAGMA foreign_keys=ON"],
    ],
    ["switched off twice", [...OFF, ...REBUILD, ...OFF, ...ON]],
    ["with something between", ["COMMIT", "PRAGMA foreign_keys=OFF", "SELECT 1", "BEGIN", ...REBUILD, ...ON]],
    ["with a ROLLBACK within", [...OFF, "ROLLBACK", ...REBUILD, ...ON]],
    ["another PRAGMA", ["COMMIT", "PRAGMA journal_mode=OFF", "BEGIN", ...REBUILD, ...ON]],
    ["of another schema", ["COMMIT", "PRAGMA main.foreign_keys=OFF", "BEGIN", ...REBUILD, ...ON]],
    ["END instead of COMMIT", ["END", "PRAGMA foreign_keys=OFF", "BEGIN", ...REBUILD, ...ON]],
  ])("are refused otherwise: %s", (_, statements) => {
    expect(judgeStatements(statements)).toContain("refuse");
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
