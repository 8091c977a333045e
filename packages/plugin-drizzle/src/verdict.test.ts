import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { journals } from "./testing/migrated-app.ts";
import { type MigrationFiles, type TestApp, testApp } from "./testing/test-app.ts";

const INIT = {
  "0000_init":
    "CREATE TABLE users (id integer PRIMARY KEY, name text, nick text); CREATE VIEW names AS SELECT name FROM users;",
};
const DROP = "ALTER TABLE users DROP COLUMN nick;";
const SAID = `-- deployer: breaks the previous release\n${DROP}`;
const BREAKS = { ...INIT, "0001_drop": DROP };
const ACKNOWLEDGED = { ...INIT, "0001_drop": SAID };

let app: TestApp;
beforeEach(() => {
  app = testApp({ databases: { core: { file: "data/core.db", migrations: "drizzle/core" } } });
});
afterEach(() => app[Symbol.dispose]());

const release = (files: MigrationFiles): ReturnType<TestApp["release"]> => app.release({ "drizzle/core": files });

describe("a migration that would break the running release", () => {
  it("stops the run before the build, told with database, file, statement, reason and ways out", async () => {
    const first = release(INIT);
    await app.deploy(first);
    const before = readFileSync(app.livePath("core"));
    await expect(app.link(release(BREAKS))).rejects.toMatchObject({
      code: "ERR_MIGRATION_BREAKS",
      exitCode: 4,
      message: expect.stringMatching(
        new RegExp(
          `Release ${first.id}, .*\n  core \\(.*core.db\\), statement 1 of 0001_drop: ALTER TABLE users DROP COLUMN nick\n    users.nick: .*no such column`,
        ),
      ),
      hint: expect.stringContaining("-- deployer: breaks the previous release"),
      details: { release: first.id, findings: [{ database: "core", migration: "0001_drop", object: "users.nick" }] },
    });
    expect(readFileSync(app.livePath("core"))).toEqual(before);
  });

  it("passes when its file says so, and is then told to be one-way before and after", async () => {
    await app.deploy(release(INIT));
    await app.deploy(release(ACKNOWLEDGED));
    expect(app.warnings).toEqual([expect.stringMatching(/0001_drop changes users.nick.*no rollback to it/)]);
    expect(app.oneWay).toEqual([expect.stringMatching(/core: 0001_drop is committed/)]);
    expect(app.tried).toEqual([{ mayFail: false }, { mayFail: true }]);
  });

  it("does not pass by what another file says", async () => {
    await app.deploy(release(INIT));
    const other = { ...BREAKS, "0002_more": "-- deployer: breaks the previous release\nCREATE TABLE more (x);" };
    await expect(app.link(release(other))).rejects.toMatchObject({ code: "ERR_MIGRATION_BREAKS" });
  });

  it("passes when nothing runs yet", async () => {
    await app.deploy(release(BREAKS));
    expect(app.oneWay).toEqual([]);
  });

  it("passes when it only changes data, which is told with the rows touched", async () => {
    await app.deploy(release(INIT));
    const db = app.open("core");
    db.exec("INSERT INTO users (name) VALUES ('ada'), ('bob'), ('eve')");
    db.close();
    await app.deploy(
      release({ ...INIT, "0001_data": "CREATE TABLE a (x); UPDATE users SET nick = name WHERE id < 3;" }),
    );
    expect(app.warnings).toEqual([
      "core: statement 2 of 0001_data changes 2 rows that the running release sees: UPDATE users SET nick = name WHERE id < 3",
    ]);
  });

  it("is no break when a later one of the same run makes up for it", async () => {
    await app.deploy(release(INIT));
    await app.deploy(release({ ...BREAKS, "0002_back": "ALTER TABLE users ADD nick text;" }));
    expect(app.migrated.core).toEqual(["0001_drop", "0002_back"]);
  });
});

describe("a search index", () => {
  const INDEX = `CREATE VIRTUAL TABLE search USING fts5(name, content='users', content_rowid='id');--> statement-breakpoint
    INSERT INTO search(search) VALUES ('rebuild');--> statement-breakpoint
    CREATE TRIGGER users_ai AFTER INSERT ON users BEGIN INSERT INTO search(rowid, name) VALUES (new.id, new.name); END;--> statement-breakpoint
    CREATE TRIGGER users_ad AFTER DELETE ON users BEGIN INSERT INTO search(search, rowid, name) VALUES ('delete', old.id, old.name); END;`;

  it("passes beside the running release, whose writes fill it, and does not stand in the way of a rollback", async () => {
    const first = release(INIT);
    await app.deploy(first);
    const db = app.open("core");
    db.exec("INSERT INTO users (name) VALUES ('ada')");
    await app.deploy(release({ ...INIT, "0001_search": INDEX }));
    db.exec("INSERT INTO users (name) VALUES ('bob'); DELETE FROM users WHERE name = 'ada'");
    expect(db.prepare("SELECT rowid FROM search WHERE search MATCH 'bob OR ada'").pluck().all()).toEqual([2]);
    db.close();
    expect([app.warnings, app.oneWay]).toEqual([[], []]);
    await app.rollback(first);
  });
});

describe("after a committed break", () => {
  it("a release that lacks it is not deployed", async () => {
    await app.deploy(release(INIT));
    await app.deploy(release(ACKNOWLEDGED));
    await expect(app.link(release(INIT))).rejects.toMatchObject({
      code: "ERR_DATABASE_AHEAD",
      hint: expect.stringContaining("deployer db undo"),
      details: { database: "core", breaking: ["0001_drop"] },
    });
  });

  it("a rollback beyond it is refused, naming the newest safe release, the undo and the snapshot", async () => {
    const first = release(INIT);
    await app.deploy(first);
    const second = release(ACKNOWLEDGED);
    await app.deploy(second);
    const third = release({ ...ACKNOWLEDGED, "0002_more": "CREATE TABLE more (x);" });
    await app.deploy(third);
    await app.deploy(release({ ...ACKNOWLEDGED, "0002_more": "CREATE TABLE more (x);" }));
    app.older = [third, second, first];
    const [run] = journals(app)
      .map((journal) => journal.run)
      .slice(-2);
    await expect(app.rollback(first)).rejects.toThrow(
      new RegExp(
        `veto: .*0001_drop, committed since, was not safe for it.* newest that does is ${third.id}: .*db undo.*db restore ${run} --lose-writes`,
      ),
    );
    app.older = [first];
    await expect(app.rollback(first)).rejects.toThrow("None of the older releases works with it.");
    await app.rollback(second);
    expect(app.warnings.at(-1)).toContain("0002_more stays applied");
  });

  it("a release that brought a break is not named when another break came after it", async () => {
    const first = release(INIT);
    await app.deploy(first);
    const second = release(ACKNOWLEDGED);
    await app.deploy(second);
    const more = "-- deployer: breaks the previous release\nDROP VIEW names;";
    await app.deploy(release({ ...ACKNOWLEDGED, "0002_view": more }));
    app.older = [second, first];
    await expect(app.rollback(first)).rejects.toThrow(/0001_drop, 0002_view, .* None of the older releases/);
  });
});

describe("the rehearsal in memory", () => {
  it.each([
    ["a syntax error", "CREATE TABLE a (x); CREATE TABEL b (x)", 2, /syntax error/],
    ["a missing table", "ALTER TABLE nobody ADD x text", 1, /no such table/],
    ["a duplicate table", "CREATE TABLE users (x)", 1, /already exists/],
    ["a missing column", "CREATE INDEX i ON users (nobody)", 1, /no such column|no column named/],
    ["ADD of a NOT NULL column where rows are", "ALTER TABLE users ADD must text NOT NULL", 1, /NOT NULL column/],
    [
      "a rebuild under a view",
      "CREATE TABLE n (id, name); DROP TABLE users; ALTER TABLE n RENAME TO users",
      3,
      /view names/,
    ],
    [
      "INSERT OR ROLLBACK",
      "INSERT INTO users VALUES (1, 'a', 'b'); INSERT OR ROLLBACK INTO users VALUES (1, 'a', 'b')",
      2,
      /./,
    ],
  ])("stops at %s, naming the statement", async (_, sql, number, reason) => {
    await app.deploy(release(INIT));
    const db = app.open("core");
    db.exec("INSERT INTO users (id, name) VALUES (7, 'ada')");
    db.close();
    await expect(app.link(release({ ...INIT, "0001_bad": sql }))).rejects.toMatchObject({
      code: "ERR_MIGRATION_FAILED",
      details: { database: "core", migration: "0001_bad", number, reason: expect.stringMatching(reason) },
    });
  });

  it("leaves to the copy what a few rows cannot tell", async () => {
    await app.deploy(release(INIT));
    const db = app.open("core");
    for (let id = 1; id <= 20; id += 1) db.exec(`INSERT INTO users (id, name) VALUES (${id}, 'n${21 - id}')`);
    db.close();
    const copied =
      "CREATE TABLE other (id integer NOT NULL); INSERT INTO other SELECT (SELECT id FROM users u WHERE u.id = 21 - v.id) FROM users v;";
    await app.deploy(release({ ...INIT, "0001_other": copied }));
    expect(app.migrated.core).toEqual(["0001_other"]);
  });

  it("clones FTS5, R-Tree, generated, STRICT, WITHOUT ROWID and expression indexes", async () => {
    const rich = `CREATE VIRTUAL TABLE docs USING fts5(body); CREATE VIRTUAL TABLE areas USING rtree(id, a, b);
      CREATE TABLE g (a integer, b integer AS (a * 2) STORED, c text AS ('x')) STRICT; CREATE INDEX e ON g (a + 1) WHERE a > 0;
      CREATE TABLE w (k text PRIMARY KEY) WITHOUT ROWID; CREATE TABLE auto (id integer PRIMARY KEY AUTOINCREMENT);`;
    await app.deploy(release({ "0000_rich": rich }));
    const db = app.open("core");
    db.exec(
      "INSERT INTO docs VALUES ('hello'); INSERT INTO g (a) VALUES (1); INSERT INTO w VALUES ('k'); INSERT INTO auto DEFAULT VALUES",
    );
    db.close();
    await app.deploy(release({ "0000_rich": rich, "0001_more": "ALTER TABLE w ADD x text;" }));
    expect(app.warnings).toEqual([]);
  });
});
