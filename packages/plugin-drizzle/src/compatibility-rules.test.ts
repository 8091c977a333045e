import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import type { PendingMigration } from "./apply.ts";
import { worst } from "./compatibility-rules.ts";
import { rehearseInMemory } from "./memory-rehearsal.ts";
import { splitStatements } from "./statements.ts";

const BEFORE = `
  CREATE TABLE users (id integer PRIMARY KEY AUTOINCREMENT, name text NOT NULL, mail text DEFAULT 'none' UNIQUE, age integer, raw blob);
  CREATE INDEX by_age ON users (age);
  CREATE TABLE log (x);
  CREATE TRIGGER logged AFTER INSERT ON users BEGIN INSERT INTO log VALUES (new.name); END;
  CREATE VIEW names AS SELECT id, name FROM users;
  CREATE TABLE posts (id integer PRIMARY KEY, author integer REFERENCES users(id) ON DELETE CASCADE);
  CREATE TABLE tags (name text PRIMARY KEY, kind text COLLATE NOCASE, size integer GENERATED ALWAYS AS (length(name)));
`;

/** What an older release sends; each works on the schema before. */
const OLD = {
  insert: "INSERT INTO users (name, mail, age) VALUES ('ada', NULL, NULL)",
  twice: "INSERT INTO users (name, age) VALUES ('x', 1); INSERT INTO users (name, mail, age) VALUES ('x', 'm', 1)",
  upsert: "INSERT INTO users (name, mail) VALUES ('bob', 'b') ON CONFLICT (mail) DO UPDATE SET name = 'bob'",
  read: "SELECT id, name, mail, age, raw FROM users",
  update: "UPDATE users SET name = 'eve', age = -1",
  view: "SELECT id, name FROM names",
  log: "INSERT INTO log VALUES (1)",
  post: "INSERT INTO posts (author) VALUES (NULL)",
  tag: "INSERT INTO tags (name, kind) VALUES ('a', 'b'); SELECT name, kind, size FROM tags",
} as const;

function rebuilt(columns: string, table = "posts", kept = "id, author"): string {
  return `CREATE TABLE __new (${columns}); INSERT INTO __new (${kept}) SELECT ${kept} FROM ${table}; DROP TABLE ${table}; ALTER TABLE __new RENAME TO ${table}`;
}

const USERS =
  "id integer PRIMARY KEY AUTOINCREMENT, name text NOT NULL, mail text DEFAULT 'none' UNIQUE, age integer, raw blob";
const rebuiltUsers = (columns: string, kept = "id, name, mail, age, raw"): string =>
  `DROP VIEW names; ${rebuilt(columns, "users", kept)};
   CREATE INDEX by_age ON users (age);
   CREATE TRIGGER logged AFTER INSERT ON users BEGIN INSERT INTO log VALUES (new.name); END;
   CREATE VIEW names AS SELECT id, name FROM users`;

describe("a change of schema, and statements of the release before", () => {
  it.each<
    [change: string, sql: string, verdict: string, rules: readonly string[], failing: readonly (keyof typeof OLD)[]]
  >([
    ["a new table", "CREATE TABLE t (x)", "safe", [], []],
    ["a new index", "CREATE INDEX i ON users (name)", "safe", [], []],
    ["a new nullable column", "ALTER TABLE users ADD sku text", "safe", [], []],
    ["a new column with NOT NULL and DEFAULT", "ALTER TABLE users ADD n integer NOT NULL DEFAULT 0", "safe", [], []],
    ["a new virtual column", "ALTER TABLE users ADD up text AS (upper(name))", "safe", [], []],
    [
      "a new nullable column with a foreign key",
      "ALTER TABLE posts ADD tag text REFERENCES tags(name)",
      "safe",
      [],
      [],
    ],
    [
      "UNIQUE over a new nullable column",
      "ALTER TABLE users ADD sku text; CREATE UNIQUE INDEX u ON users (sku)",
      "safe",
      [],
      [],
    ],
    [
      "a rebuild of the same",
      rebuilt("id integer PRIMARY KEY, author integer REFERENCES users(id) ON DELETE CASCADE"),
      "safe",
      [],
      [],
    ],
    [
      "NOT NULL given up",
      rebuiltUsers(USERS.replace("name text NOT NULL", "name text")),
      "warn",
      ["column-now-nullable"],
      [],
    ],
    [
      "a new column that must be given",
      rebuilt("id integer PRIMARY KEY, author integer REFERENCES users(id) ON DELETE CASCADE, must text NOT NULL"),
      "breaks",
      ["new-required-column"],
      ["post"],
    ],
    [
      "NOT NULL, even with a default",
      rebuiltUsers(USERS.replace("age integer", "age integer NOT NULL DEFAULT 1")),
      "breaks",
      ["column-now-required", "default-changed"],
      ["insert", "update"],
    ],
    ["a dropped column", "ALTER TABLE users DROP raw", "breaks", ["column-gone"], ["read"]],
    ["a renamed column", "ALTER TABLE users RENAME raw TO bytes", "breaks", ["column-gone"], ["read"]],
    ["a dropped table", "DROP TABLE posts", "breaks", ["table-gone"], ["post"]],
    ["a renamed table", "ALTER TABLE posts RENAME TO articles", "breaks", ["table-gone"], ["post"]],
    ["another affinity", rebuiltUsers(USERS.replace("name text", "name integer")), "breaks", ["affinity-changed"], []],
    ["an affinity to none", rebuiltUsers(USERS.replace("age integer", "age blob")), "warn", ["affinity-blob"], []],
    [
      "STRICT",
      rebuilt(
        "id integer PRIMARY KEY, author integer REFERENCES users(id) ON DELETE CASCADE) STRICT; CREATE TABLE t (x",
      ),
      "breaks",
      ["now-strict"],
      [],
    ],
    [
      "another collation",
      rebuilt(
        "name text PRIMARY KEY, kind text, size integer GENERATED ALWAYS AS (length(name))",
        "tags",
        "name, kind",
      ),
      "warn",
      ["collation-changed"],
      [],
    ],
    ["another default", rebuiltUsers(USERS.replace("'none'", "'some'")), "warn", ["default-changed"], []],
    [
      "a column made generated",
      rebuiltUsers(
        USERS.replace("raw blob", "raw blob AS (name)").replace("age integer", "age integer AS (1)"),
        "id, name, mail",
      ),
      "breaks",
      ["now-generated", "now-generated"],
      ["insert", "update", "twice"],
    ],
    ["new UNIQUE", "CREATE UNIQUE INDEX u ON users (name)", "breaks", ["new-unique"], ["twice"]],
    ["new partial UNIQUE", "CREATE UNIQUE INDEX u ON users (name) WHERE age > 0", "breaks", ["new-unique"], ["twice"]],
    [
      "a new CHECK",
      rebuiltUsers(`${USERS}, CHECK ("users"."age" >= 0)`.replace('"users".', "")),
      "breaks",
      ["new-check"],
      ["update"],
    ],
    [
      "a new foreign key",
      rebuiltUsers(USERS.replace("age integer", "age integer REFERENCES tags(name)")),
      "breaks",
      ["new-foreign-key"],
      ["twice", "update"],
    ],
    ["new UNIQUE that a key implies", "CREATE UNIQUE INDEX u ON users (age, MAIL)", "safe", [], []],
    ["new UNIQUE that INTEGER PRIMARY KEY implies", "CREATE UNIQUE INDEX u ON users (id, name)", "safe", [], []],
    ["new UNIQUE that a text key implies", "CREATE UNIQUE INDEX u ON tags (kind, name)", "safe", [], []],
    ["the same UNIQUE once more", "CREATE UNIQUE INDEX u ON users (mail)", "safe", [], []],
    [
      "new UNIQUE that compares more coarsely than the key",
      "CREATE UNIQUE INDEX u ON users (mail COLLATE NOCASE, age)",
      "breaks",
      ["new-unique"],
      [],
    ],
    [
      "the same UNIQUE, but coarser",
      "CREATE UNIQUE INDEX u ON users (mail COLLATE NOCASE)",
      "breaks",
      ["new-unique"],
      [],
    ],
    [
      "new partial UNIQUE over a key, whose condition may fail",
      "CREATE UNIQUE INDEX u ON users (mail) WHERE json_extract(name, '$') > 0",
      "breaks",
      ["new-unique"],
      ["insert", "twice", "update", "upsert"],
    ],
    [
      "new UNIQUE of an expression over a key",
      "CREATE UNIQUE INDEX u ON users (mail, abs(age))",
      "breaks",
      ["new-unique"],
      [],
    ],
    [
      "new UNIQUE over a key, with a conflict clause of its own",
      rebuilt(
        "id integer PRIMARY KEY, author integer REFERENCES users(id) ON DELETE CASCADE, UNIQUE (id, author) ON CONFLICT IGNORE",
      ),
      "breaks",
      ["new-unique"],
      [],
    ],
    ["UNIQUE given up", rebuiltUsers(USERS.replace(" UNIQUE", "")), "breaks", ["unique-gone"], ["upsert"]],
    ["a foreign key given up", rebuilt("id integer PRIMARY KEY, author integer"), "warn", ["foreign-key-changed"], []],
    [
      "another ON DELETE",
      rebuilt("id integer PRIMARY KEY, author integer REFERENCES users(id)"),
      "warn",
      ["foreign-key-changed"],
      [],
    ],
    ["AUTOINCREMENT given up", rebuiltUsers(USERS.replace(" AUTOINCREMENT", "")), "warn", ["autoincrement-gone"], []],
    ["a dropped index", "DROP INDEX by_age", "warn", ["index-gone"], []],
    [
      "another order of columns",
      rebuilt("author integer REFERENCES users(id) ON DELETE CASCADE, id integer PRIMARY KEY"),
      "warn",
      ["columns-reordered"],
      [],
    ],
    ["a dropped view", "DROP VIEW names", "breaks", ["view-gone"], ["view"]],
    [
      "a view without a column",
      "DROP VIEW names; CREATE VIEW names AS SELECT id FROM users",
      "breaks",
      ["column-gone", "view-changed"],
      ["view"],
    ],
    [
      "another view",
      "DROP VIEW names; CREATE VIEW names AS SELECT id, mail AS name FROM users",
      "warn",
      ["view-changed"],
      [],
    ],
    ["a dropped trigger", "DROP TRIGGER logged", "breaks", ["trigger-gone"], []],
    [
      "another trigger",
      "DROP TRIGGER logged; CREATE TRIGGER logged AFTER INSERT ON users BEGIN INSERT INTO log VALUES (1); END",
      "breaks",
      ["trigger-changed"],
      [],
    ],
    [
      "a new trigger",
      "CREATE TRIGGER no BEFORE UPDATE ON users BEGIN SELECT RAISE(ABORT, 'no'); END",
      "breaks",
      ["new-trigger"],
      ["update"],
    ],
    [
      "a dropped target of a trigger",
      "DROP TABLE log",
      "breaks",
      ["table-gone", "probe"],
      ["log", "insert", "twice", "upsert", "update"],
    ],
  ])("%s", (_, sql, verdict, rules, failing) => {
    using db = open(BEFORE);
    const { findings } = rehearseInMemory(db.it, [migration(sql)]);
    expect(findings.map(({ rule }) => rule)).toEqual(rules);
    expect(worst(findings)).toBe(verdict);
    expect(failures(BEFORE)).toEqual([]);
    expect(failures(`${BEFORE};PRAGMA foreign_keys=OFF;${sql};PRAGMA foreign_keys=ON`).sort()).toEqual(
      [...failing].sort(),
    );
    if (failing.length > 0) expect(verdict).toBe("breaks");
  });
});

describe("a finding", () => {
  it("names the migration and the statement after which it is there to stay", () => {
    using db = open(BEFORE);
    const pending = [
      migration("CREATE TABLE t (x); DROP INDEX by_age", "0001_a"),
      migration(
        "CREATE INDEX by_age ON users (age); SELECT 1; ALTER TABLE users DROP raw; CREATE TABLE y (x)",
        "0002_b",
      ),
    ];
    expect(rehearseInMemory(db.it, pending)).toMatchObject({
      verdicts: ["warn", "breaks"],
      findings: [{ migration: "0002_b", number: 3, statement: "ALTER TABLE users DROP raw", object: "users.raw" }],
    });
  });
});

function migration(sql: string, tag = "0001_change"): PendingMigration {
  const statements = splitStatements(sql).map((text) => ({ sql: text, skip: false }));
  return { tag, when: 1, hash: tag, statements };
}

/** Which statements of the older release fail on this schema. */
function failures(sql: string): string[] {
  using db = open(sql);
  return Object.entries(OLD).flatMap(([name, text]) => {
    db.it.exec("SAVEPOINT s");
    try {
      for (const statement of splitStatements(text)) {
        const prepared = db.it.prepare(statement);
        if (prepared.reader) prepared.all();
        else prepared.run();
      }
      // An UPDATE says nothing of an empty table.
      if (name === "update") db.it.exec(`${OLD.insert};${text}`);
      return [];
    } catch {
      return [name];
    } finally {
      db.it.exec("ROLLBACK TO s; RELEASE s");
    }
  });
}

function open(sql: string): Disposable & { it: Database.Database } {
  const it = new Database(":memory:");
  it.exec(sql);
  return { it, [Symbol.dispose]: () => void it.close() };
}
