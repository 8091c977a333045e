import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { worst } from "./compatibility-rules.ts";
import { rehearseInMemory } from "./memory-rehearsal.ts";
import { splitStatements } from "./statements.ts";

const BEFORE = `
  CREATE TABLE posts (id integer PRIMARY KEY, title text NOT NULL, body text, slug text UNIQUE, size integer CHECK (size >= 0));
  INSERT INTO posts (title, body, slug) VALUES ('one', 'first', 'a'), ('two', NULL, NULL);
  CREATE TABLE tags (name text PRIMARY KEY, kind) WITHOUT ROWID;
  INSERT INTO tags VALUES ('x', 1);
  CREATE TABLE log (x);
  CREATE TABLE kids (post integer REFERENCES fresh(id) ON DELETE CASCADE);
`;
const INDEX = "CREATE VIRTUAL TABLE search USING fts5(title, body, content='posts', content_rowid='id')";
const FILL = "INSERT INTO search(search) VALUES ('rebuild')";
const INSERTED =
  "CREATE TRIGGER posts_ai AFTER INSERT ON posts BEGIN INSERT INTO search(rowid, title, body) VALUES (new.id, new.title, new.body); END";
const DELETED =
  "CREATE TRIGGER posts_ad AFTER DELETE ON posts BEGIN INSERT INTO search(search, rowid, title, body) VALUES ('delete', old.id, old.title, old.body); END";
const UPDATED = `CREATE TRIGGER posts_au AFTER UPDATE ON posts BEGIN
  INSERT INTO search(search, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
  INSERT INTO search(rowid, title, body) VALUES (new.id, new.title, new.body); END`;
const OWN = "CREATE VIRTUAL TABLE search USING fts5(title, body, tokenize = 'porter unicode61')";
const AUDIT =
  "CREATE TABLE audit (id integer PRIMARY KEY AUTOINCREMENT, post integer NOT NULL, title text, at text NOT NULL DEFAULT CURRENT_TIMESTAMP)";
const on = (event: string, body: string): string =>
  `CREATE TRIGGER t_${event.split(" ")[0]} AFTER ${event} ON posts BEGIN ${body}; END`;

/** The rules that stop these statements. */
function stoppedBy(...statements: string[]): string[] {
  using db = open();
  const sql = statements.flatMap(splitStatements).map((text) => ({ sql: text, skip: false }));
  const { findings, verdicts } = rehearseInMemory(db.it, [
    { tag: "0001_trigger", when: 1, hash: "h", statements: sql },
  ]);
  expect(verdicts).toEqual([worst(findings)]);
  return findings.filter(({ verdict }) => verdict === "breaks").map(({ object }) => object);
}

function open(): Disposable & { it: Database.Database } {
  const it = new Database(":memory:");
  it.exec(BEFORE);
  return { it, [Symbol.dispose]: () => void it.close() };
}

describe("a new trigger that only fills new tables is safe", () => {
  it.each<[string, ...string[]]>([
    ["an FTS5 index on the table's own rows", INDEX, FILL, INSERTED, DELETED, UPDATED],
    [
      "an FTS5 index with rows of its own",
      OWN,
      "INSERT INTO search(rowid, title, body) SELECT id, title, body FROM posts",
      INSERTED,
      on("DELETE", "DELETE FROM search WHERE rowid = old.id"),
      on(
        "UPDATE OF title, body, id",
        "UPDATE search SET rowid = new.id, title = upper(new.title), body = coalesce(new.body, '') WHERE rowid = old.id",
      ),
    ],
    [
      "an audit",
      AUDIT,
      on("INSERT", "INSERT INTO audit (post, title) VALUES (new.id, substr(new.title, 1, 9))"),
      on("DELETE", "INSERT INTO audit (post) VALUES (old.id)"),
    ],
    [
      "a count",
      "CREATE TABLE counts (n integer); INSERT INTO counts VALUES (2)",
      on("INSERT", "UPDATE counts SET n = n + 1"),
      on("DELETE", "UPDATE counts SET n = n - 1"),
    ],
    [
      "on a table without rowids",
      "CREATE TABLE seen (name, kind)",
      "CREATE TRIGGER s AFTER INSERT ON tags BEGIN INSERT INTO seen VALUES (new.name, new.kind); END",
    ],
  ])("%s", (_, ...statements) => {
    expect(stoppedBy(...statements)).toEqual([]);
  });
});

describe("a new trigger that an old writer may notice stops the run", () => {
  it.each<[string, trigger: string | RegExp, ...string[]]>([
    ["RAISE", "t_UPDATE", on("UPDATE", "SELECT RAISE(ABORT, 'no')")],
    [
      "RAISE for some values",
      "t_INSERT",
      AUDIT,
      on(
        "INSERT",
        "INSERT INTO audit (post) VALUES (new.id); SELECT CASE WHEN new.size > 9 THEN RAISE(ABORT, 'no') END",
      ),
    ],
    [
      "RAISE on a condition",
      "w",
      AUDIT,
      "CREATE TRIGGER w AFTER INSERT ON posts WHEN new.size > 9 BEGIN INSERT INTO audit (post) VALUES (NULL); END",
    ],
    ["a write to an old table", "t_INSERT", on("INSERT", "INSERT INTO log VALUES (new.id)")],
    ["a write to its own table", "t_INSERT", on("INSERT", "UPDATE posts SET size = 1")],
    [
      "a write to an old table beside a new one",
      "t_INSERT",
      AUDIT,
      on("INSERT", "INSERT INTO audit (post) VALUES (new.id); DELETE FROM log"),
    ],
    [
      "a write to an old table by a trigger of the new one",
      "t_INSERT",
      AUDIT,
      on("INSERT", "INSERT INTO audit (post) VALUES (new.id)"),
      "CREATE TRIGGER second AFTER INSERT ON audit BEGIN DELETE FROM log; END",
    ],
    [
      "a write to a view",
      "t_INSERT",
      "CREATE VIEW v AS SELECT 1 AS x; CREATE TRIGGER i INSTEAD OF INSERT ON v BEGIN SELECT RAISE(ABORT, 'no'); END",
      on("INSERT", "INSERT INTO v VALUES (1)"),
    ],
    [
      "a new table whose rows old ones go along with",
      "t_INSERT",
      "CREATE TABLE fresh (id integer PRIMARY KEY)",
      on("INSERT", "DELETE FROM fresh"),
    ],
    [
      "a foreign key that keeps old rows from being deleted",
      "t_INSERT",
      "CREATE TABLE a (post integer REFERENCES posts(id))",
      on("INSERT", "INSERT INTO a VALUES (new.id)"),
    ],
    [
      "UNIQUE in the new table",
      "t_INSERT",
      "CREATE TABLE a (title UNIQUE)",
      on("INSERT", "INSERT OR REPLACE INTO a VALUES (new.title)"),
    ],
    [
      "CHECK in the new table",
      "t_INSERT",
      "CREATE TABLE a (title CHECK (length(title) < 1000))",
      on("INSERT", "INSERT INTO a VALUES (new.title)"),
    ],
    [
      "NOT NULL in the new table, where NULL may come",
      "t_INSERT",
      "CREATE TABLE a (body NOT NULL)",
      on("INSERT", "INSERT INTO a VALUES (new.body)"),
    ],
    [
      "NOT NULL of an expression",
      "t_INSERT",
      "CREATE TABLE a (body NOT NULL)",
      on("INSERT", "INSERT INTO a VALUES (datetime(new.title))"),
    ],
    ["STRICT", "t_INSERT", "CREATE TABLE a (title integer) STRICT", on("INSERT", "INSERT INTO a VALUES (new.title)")],
    [
      "a key that comes twice",
      "t_UPDATE",
      "CREATE TABLE a (id integer PRIMARY KEY)",
      on("UPDATE", "INSERT INTO a VALUES (new.id)"),
    ],
    ["a key that comes again with a row that was deleted", "t_INSERT", OWN, INSERTED.replace("posts_ai", "t_INSERT")],
    [
      "a row number that is no number",
      "t_INSERT",
      OWN,
      on("INSERT", "INSERT INTO search(rowid, title) VALUES (new.slug, new.title)"),
    ],
    [
      "a function that fails on some text",
      "t_INSERT",
      "CREATE TABLE a (x)",
      on("INSERT", "INSERT INTO a VALUES (json_extract(new.body, '$.x'))"),
    ],
    [
      "an operator that fails on some text",
      "t_INSERT",
      "CREATE TABLE a (x)",
      on("INSERT", "INSERT INTO a VALUES (new.body ->> 'x')"),
    ],
    ["a query of text that comes", "t_INSERT", OWN, on("INSERT", "DELETE FROM search WHERE search MATCH new.title")],
    [
      "an index of an expression",
      "t_INSERT",
      "CREATE TABLE a (x); CREATE INDEX i ON a (json_extract(x, '$'))",
      on("INSERT", "INSERT INTO a VALUES (new.body)"),
    ],
    [
      "another module",
      "t_INSERT",
      "CREATE VIRTUAL TABLE a USING rtree(id, low, high)",
      on("INSERT", "INSERT INTO a VALUES (new.id, new.size, 1)"),
    ],
    [
      "a name that looks like a module",
      "t_INSERT",
      'CREATE VIRTUAL TABLE "a USING FTS5 (" USING rtree(id, low, high)',
      on("INSERT", 'INSERT INTO "a USING FTS5 (" VALUES (new.id, new.size, 1)'),
    ],
    [
      "FTS4, by which last_insert_rowid() is another after an UPDATE",
      "bu",
      "CREATE VIRTUAL TABLE search USING fts4(content='posts', title, body)",
      "INSERT INTO search(search) VALUES ('rebuild')",
      "CREATE TRIGGER bu BEFORE UPDATE ON posts BEGIN DELETE FROM search WHERE docid = old.rowid; END",
      "CREATE TRIGGER bd BEFORE DELETE ON posts BEGIN DELETE FROM search WHERE docid = old.rowid; END",
      "CREATE TRIGGER au AFTER UPDATE ON posts BEGIN INSERT INTO search(docid, title, body) VALUES (new.rowid, new.title, new.body); END",
      "CREATE TRIGGER ai AFTER INSERT ON posts BEGIN INSERT INTO search(docid, title, body) VALUES (new.rowid, new.title, new.body); END",
    ],
    ["an index that lacks the rows that are there", /posts_a[du]/, INDEX, INSERTED, DELETED, UPDATED],
  ])("%s", (_, trigger, ...statements) => {
    const objects = stoppedBy(...statements);
    expect(objects).toEqual(expect.arrayContaining([expect.stringMatching(trigger)]));
  });

  it("is not proven where no row of the table could be made", () => {
    const db = new Database(":memory:");
    db.exec("CREATE TABLE posts (id integer PRIMARY KEY, kind text CHECK (kind IN ('x', 'y')) NOT NULL, title text)");
    const sql = [
      "CREATE TABLE a (x)",
      "CREATE TRIGGER t AFTER INSERT ON posts BEGIN INSERT INTO a VALUES (new.title); END",
    ];
    const statements = sql.map((text) => ({ sql: text, skip: false }));
    const { verdicts } = rehearseInMemory(db, [{ tag: "0001", when: 1, hash: "h", statements }]);
    expect(verdicts).toEqual(["breaks"]);
    db.close();
  });
});
