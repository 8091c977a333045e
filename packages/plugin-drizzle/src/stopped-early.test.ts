import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inAll, journalStates, leftovers, migratedApp, SKU, START, states } from "./testing/migrated-app.ts";
import { DATABASES, type MigrationFiles, type TestApp } from "./testing/test-app.ts";
import { lostWrites, startWriters, type Writers } from "./testing/writers.ts";

const SAID = "-- deployer: breaks the previous release\n";
const REBUILD = (columns: string): string =>
  `CREATE TABLE __new_users (id integer PRIMARY KEY, ${columns}); INSERT INTO __new_users SELECT id, name, v FROM users; DROP TABLE users; ALTER TABLE __new_users RENAME TO users;`;

/** What is wrong with the third database's migrations, while those of the other two are good. */
const WRONG: readonly (readonly [what: string, files: MigrationFiles, code: string])[] = [
  ["a syntax error in the last statement", bad("CREATE TABLE a (x); CREATE TABEL b (x)"), "ERR_MIGRATION_FAILED"],
  ["a missing table", bad("ALTER TABLE nobody ADD x text"), "ERR_MIGRATION_FAILED"],
  ["a missing column", bad("CREATE INDEX i ON users (nobody)"), "ERR_MIGRATION_FAILED"],
  ["a table that is there", bad("CREATE TABLE users (x)"), "ERR_MIGRATION_FAILED"],
  ["UNIQUE over equal values", bad(`${SAID}CREATE UNIQUE INDEX one_v ON users (v)`), "ERR_MIGRATION_FAILED"],
  ["a CHECK that rows do not pass", bad(SAID + REBUILD("name text, v integer CHECK (v > 5)")), "ERR_MIGRATION_FAILED"],
  ["NOT NULL without a default", bad(`${SAID}ALTER TABLE users ADD must text NOT NULL`), "ERR_MIGRATION_FAILED"],
  [
    "a rebuild under a view",
    bad(`CREATE VIEW names AS SELECT name FROM users;${REBUILD("name, v")}`),
    "ERR_MIGRATION_FAILED",
  ],
  [
    "rows that point nowhere",
    bad("CREATE TABLE p (u REFERENCES users(id)); INSERT INTO p VALUES (99)"),
    "ERR_MIGRATION_FAILED",
  ],
  ["INSERT OR ROLLBACK", bad("INSERT OR ROLLBACK INTO users (id, name) VALUES (1, 'again')"), "ERR_MIGRATION_FAILED"],
  ...["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "VACUUM", "ATTACH ':memory:' AS m"].map(refused),
  ...["journal_mode = DELETE", "locking_mode = EXCLUSIVE", "writable_schema = ON"].map((it) => refused(`PRAGMA ${it}`)),
  ["a dropped column", bad("ALTER TABLE users DROP COLUMN v"), "ERR_MIGRATION_BREAKS"],
  ["a renamed column", bad("ALTER TABLE users RENAME COLUMN v TO w"), "ERR_MIGRATION_BREAKS"],
  ["a dropped table", bad("DROP TABLE users"), "ERR_MIGRATION_BREAKS"],
  [
    "NOT NULL given to a column",
    bad(REBUILD("name text NOT NULL, v integer NOT NULL DEFAULT 1 CHECK (v > 0)")),
    "ERR_MIGRATION_BREAKS",
  ],
  ["new UNIQUE", bad("CREATE UNIQUE INDEX one_name ON users (name)"), "ERR_MIGRATION_BREAKS"],
  ["a dropped trigger", bad("CREATE TABLE l (x); DROP TRIGGER told"), "ERR_MIGRATION_BREAKS"],
  ["an applied one with another text", { "0000_init": "CREATE TABLE users (id integer);" }, "ERR_MIGRATION_EDITED"],
  [
    "one that is older than what is applied",
    { ...START, "0001_old": { when: 5, sql: "SELECT 1" } },
    "ERR_MIGRATION_OUT_OF_ORDER",
  ],
  [
    "one as old as what is applied",
    { ...START, "0001_old": { when: 1_700_000_000_000, sql: "SELECT 1" } },
    "ERR_MIGRATION_OUT_OF_ORDER",
  ],
];

function bad(sql: string): MigrationFiles {
  return { ...START, "0001_bad": sql };
}

function refused(statement: string): (typeof WRONG)[number] {
  return [statement, bad(`CREATE TABLE half (x); ${statement};`), "ERR_MIGRATION_STATEMENT"];
}

describe("a release that is stopped before the lock, beside an app that writes", () => {
  let app: TestApp;
  let writers: Writers;
  beforeAll(async () => {
    app = migratedApp();
    const db = app.open("content");
    db.exec("CREATE TRIGGER told AFTER DELETE ON users BEGIN SELECT 1; END");
    db.close();
    writers = await startWriters(
      DATABASES.map((name) => app.livePath(name)),
      { rate: 50 },
    );
    await app.deploy(app.release(inAll(START)));
  });
  afterAll(async () => {
    await writers.stop();
    app[Symbol.dispose]();
  });

  async function expectStopped(release: ReturnType<TestApp["release"]>, code: string): Promise<void> {
    await expect(app.link(release)).rejects.toMatchObject({ code, exitCode: 4 });
    expect([states(app), journalStates(app), leftovers(app), existsSync(app.context.paths.snapshots)]).toEqual([
      ["old", "old", "old"],
      [],
      [],
      false,
    ]);
  }

  it.each(WRONG)("by %s: nothing is migrated", async (_, files, code) => {
    await expectStopped(app.release({ ...inAll(SKU), "drizzle/content": files }), code);
  });

  it("by a journal that cannot be read: nothing is migrated", async () => {
    const release = app.release(inAll(SKU));
    writeFileSync(join(release.path, "drizzle/content/meta/_journal.json"), "<<<<<<<");
    await expectStopped(release, "ERR_MIGRATIONS_FOLDER");
  });

  it("by migrations that somebody else applied: nothing is migrated", async () => {
    const db = app.open("content");
    db.exec("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', 1)");
    await expect(app.link(app.release(inAll(SKU)))).rejects.toMatchObject({ code: "ERR_DATABASE_AHEAD", exitCode: 4 });
    db.exec("DELETE FROM __drizzle_migrations WHERE hash = 'x'");
    db.close();
    expect([states(app), journalStates(app)]).toEqual([["old", "old", "old"], []]);
  });

  it("has cost the app no write and no error, and the next release migrates all", async () => {
    await app.deploy(app.release(inAll(SKU)));
    const written = await writers.stop();
    expect(written.map((each) => [each.errors, lostWrites(each)])).toEqual(Array(3).fill([{}, 0]));
    expect([states(app), leftovers(app)]).toEqual([["new", "new", "new"], []]);
  });
});
