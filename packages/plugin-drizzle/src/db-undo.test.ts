import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Undone } from "./db-undo.ts";
import { readSchema } from "./schema.ts";
import { type Fault, fault } from "./testing/fault.ts";
import {
  hurry,
  inAll,
  journalStates,
  journals,
  leftovers,
  migratedApp,
  SKU,
  START,
  states,
  until,
} from "./testing/migrated-app.ts";
import { DATABASES, type MigrationFiles, type TestApp } from "./testing/test-app.ts";
import { lostWrites, startWriters } from "./testing/writers.ts";

const SAID = "-- deployer: breaks the previous release\n";
const FILES = (): string[] => DATABASES.map((name) => app.livePath(name));

let app: TestApp;
beforeEach(() => {
  app = migratedApp();
});
afterEach(() => app[Symbol.dispose]());

type Flag = "lose-rows" | "break-served";
const undo = (...flags: Flag[]): Promise<Undone> =>
  app.command("undo", { flags: Object.fromEntries(flags.map((flag) => [flag, true])) }) as Promise<Undone>;
const schemas = (): unknown[] => FILES().map(schema);

/** Deploys migrations of `core`, or of all, and returns to a release that knows none of them. */
async function deployed(files: MigrationFiles, names: readonly string[] = DATABASES): Promise<void> {
  const rest = names.map((name) => [`drizzle/${name}`, files]);
  await app.deploy(app.release({ ...inAll(START), ...Object.fromEntries(rest) }));
  app.served = app.release(inAll(START));
}

const added = (sql: string): MigrationFiles => ({ ...START, "0001_add": sql });

describe("db undo of a migration into which something was written", () => {
  it("says what would be lost, with row counts, refuses, and has changed nothing", async () => {
    await deployed(added("ALTER TABLE users ADD sku text;--> statement-breakpoint\nCREATE TABLE tags (t text);"));
    change("core", "UPDATE users SET sku = 'x' WHERE id <= 3; INSERT INTO tags VALUES ('a'), (NULL)");
    change("system", "INSERT INTO tags VALUES ('b')");
    const before = [schemas(), readdirSync(app.context.paths.snapshots), journalStates(app)];
    await expect(undo()).rejects.toMatchObject({
      code: "ERR_ROWS_WOULD_BE_LOST",
      exitCode: 2,
      message: expect.stringMatching(
        /core: users\.sku \(3 rows have a value\), table tags \(2 rows\)\n {2}system: table tags \(1 row\)\nNothing/,
      ),
      hint: expect.stringContaining("`deployer db undo --lose-rows`"),
      details: {
        losses: {
          core: [
            { object: "users.sku", rows: 3 },
            { object: "table tags", rows: 2 },
          ],
        },
      },
    });
    expect(app.infos).toContain(
      "core: undoing 0001_add: lost with it: users.sku (3 rows have a value), table tags (2 rows).",
    );
    expect([schemas(), readdirSync(app.context.paths.snapshots), journalStates(app)]).toEqual(before);
  });

  it("goes on when a person says so, names what is gone, and restore brings all of it back", async () => {
    await deployed(SKU);
    change("core", "UPDATE users SET sku = 'mine' WHERE id = 7");
    const { text, lost, snapshot } = await undo("lose-rows");
    expect(text).toContain("core: 0001_sku undone; lost with it: users.sku (1 row has a value).\n");
    expect(text).toContain("system: 0001_sku undone; no row and no value is lost.\n");
    expect(text).toContain(`What was there before: \`deployer db restore ${snapshot}\`.`);
    expect(lost).toEqual({ core: [{ object: "users.sku", rows: 1 }], system: [], content: [] });
    expect(app.infos).toContain("core: what 0001_sku did to rows stays as it is.");
    expect(columns("core")).toEqual(["id", "name", "v"]);
    await app.command("restore", { args: { run: snapshot }, flags: { "lose-writes": true } });
    expect(states(app)).toEqual(["new", "new", "new"]);
    expect(query("core", "SELECT id, sku FROM users WHERE sku IS NOT NULL")).toEqual([{ id: 7, sku: "mine" }]);
  });

  it("NULL and a column's own default are no values", async () => {
    const sql = ["a text", "b integer DEFAULT 5", "c text NOT NULL DEFAULT 'no'", "d text GENERATED ALWAYS AS (name)"];
    await deployed(added(sql.map((column) => `ALTER TABLE users ADD ${column};`).join("--> statement-breakpoint\n")));
    change("core", "INSERT INTO users (name) VALUES ('new')");
    expect(await undo()).toMatchObject({ lost: { core: [], system: [], content: [] } });
    expect(query("core", "SELECT name FROM users WHERE id > 10")).toEqual([{ name: "new" }]);
  });

  it("an index for full-text search over another table's rows holds nothing of its own; one with its own rows does", async () => {
    const sql = ["search USING fts5(name, content='users', content_rowid='id')", "notes USING fts5(body)"];
    const fill = "INSERT INTO search (rowid, name) SELECT id, name FROM users";
    const before = schema(app.livePath("core"));
    await deployed(
      added([...sql.map((it) => `CREATE VIRTUAL TABLE ${it}`), fill].join(";--> statement-breakpoint\n")),
      ["core"],
    );
    expect(query("core", "SELECT count(*) AS n FROM search WHERE search MATCH 'row'")).toEqual([{ n: 10 }]);
    change("core", "INSERT INTO notes VALUES ('mine')");
    await expect(undo()).rejects.toMatchObject({
      details: { losses: { core: [{ object: "table notes", rows: 1 }] } },
    });
    change("core", "DELETE FROM notes");
    await undo();
    expect(schema(app.livePath("core"))).toEqual(before);
  });

  it("counts a NOT NULL column that the app fills, also where the table was rebuilt", async () => {
    const rebuild = `${SAID}CREATE TABLE __new_users (id integer PRIMARY KEY, name text NOT NULL, v integer NOT NULL DEFAULT 1, mail text NOT NULL);--> statement-breakpoint
      INSERT INTO __new_users SELECT id, name, v, 'none' FROM users;--> statement-breakpoint
      DROP TABLE users;--> statement-breakpoint
      ALTER TABLE __new_users RENAME TO users;`;
    await deployed(added(rebuild), ["core"]);
    change("core", "INSERT INTO users (name, mail) VALUES ('new', 'a@b.c')");
    await expect(undo()).rejects.toMatchObject({ details: { losses: { core: [{ object: "users.mail", rows: 11 }] } } });
    await undo("lose-rows");
    expect(query("core", "SELECT count(*) AS n FROM users")).toEqual([{ n: 11 }]);
    expect(app.infos.join()).not.toContain("did to rows");
  });

  it("counts values that the older type of a column cannot keep, and only those", async () => {
    const rebuild = `${SAID}CREATE TABLE __new_users (id integer PRIMARY KEY, name text NOT NULL, v text NOT NULL DEFAULT '1');--> statement-breakpoint
      INSERT INTO __new_users SELECT * FROM users;--> statement-breakpoint
      DROP TABLE users;--> statement-breakpoint
      ALTER TABLE __new_users RENAME TO users;`;
    await deployed(added(rebuild), ["core"]);
    change("core", "UPDATE users SET v = '007' WHERE id = 1; UPDATE users SET v = 'text' WHERE id = 2");
    const before = schemas();
    await expect(undo()).rejects.toMatchObject({ details: { losses: { core: [{ object: "users.v", rows: 1 }] } } });
    expect([schemas(), journalStates(app).at(-1)]).toEqual([before, "aborted"]);
    await undo("lose-rows");
    expect(query("core", "SELECT v FROM users WHERE id < 4")).toEqual([{ v: 7 }, { v: "text" }, { v: 1 }]);
  });

  it("sees what was written after it had looked, because it looks again under the lock", async () => {
    await deployed(SKU);
    const writer = app.open("system");
    writer.exec("BEGIN IMMEDIATE; UPDATE users SET sku = 'late' WHERE id = 1");
    const undoing = undo();
    undoing.catch(() => undefined); // it is looked at below
    await until(() => journalStates(app).at(-1) === "prepared");
    writer.exec("COMMIT");
    writer.close();
    await expect(undoing).rejects.toMatchObject({ code: "ERR_ROWS_WOULD_BE_LOST" });
    expect([states(app), journalStates(app).at(-1), leftovers(app)]).toEqual([["new", "new", "new"], "aborted", []]);
    expect(readdirSync(app.context.paths.snapshots)).toHaveLength(1);
  });
});

describe("db undo", () => {
  it("gives all databases the schema of before with the rows of today, also those written meanwhile", async () => {
    await using writers = await startWriters(FILES(), { rate: 100 });
    const before = schemas();
    await deployed(SKU);
    change("core", "INSERT INTO users (name) VALUES ('new')");
    const { text, undone } = await undo();
    expect(text).toMatch(/core: 0001_sku undone; no row and no value is lost/);
    expect(Object.keys(undone)).toEqual([...DATABASES]);
    const written = await writers.stop();
    expect(written.map((each) => [each.errors, lostWrites(each)])).toEqual(Array(3).fill([{}, 0]));
    expect(schemas()).toEqual(before);
    expect(query("core", "SELECT name FROM users WHERE id > 10")).toEqual([{ name: "new" }]);
    expect(query("core", "SELECT count(*) AS n FROM __drizzle_migrations")).toEqual([{ n: 1 }]);
    // The next deployment applies them again.
    await app.deploy(app.release(inAll({ ...START, "0001_sku": "ALTER TABLE users ADD sku text;" })));
    expect(query("core", "SELECT count(*) AS n FROM __drizzle_migrations")).toEqual([{ n: 2 }]);
  });

  it("keeps children, views, triggers, indexes and the counter of AUTOINCREMENT", async () => {
    const rich = `CREATE TABLE tags (id integer PRIMARY KEY AUTOINCREMENT, owner integer REFERENCES users(id) ON DELETE CASCADE, t text);
      CREATE INDEX by_owner ON tags (owner); CREATE VIEW owners AS SELECT name FROM users;
      CREATE TABLE log (x); CREATE TRIGGER told AFTER INSERT ON tags BEGIN INSERT INTO log VALUES (new.t); END;
      INSERT INTO tags (owner, t) VALUES (1, 'a'), (2, 'b'), (3, 'c'); DELETE FROM tags WHERE id = 3;`;
    change("core", rich);
    const before = schema(app.livePath("core"));
    const wider =
      "ALTER TABLE users ADD a text; ALTER TABLE tags ADD b text; CREATE TABLE more (x); DROP VIEW owners; DROP INDEX by_owner;";
    await deployed(added(wider), ["core"]);
    await undo();
    expect(schema(app.livePath("core"))).toEqual(before);
    expect(query("core", "SELECT id, owner, t FROM tags")).toEqual([
      { id: 1, owner: 1, t: "a" },
      { id: 2, owner: 2, t: "b" },
    ]);
    expect(query("core", "SELECT count(*) AS n FROM log")).toEqual([{ n: 3 }]);
    expect(query("core", "SELECT seq FROM sqlite_sequence WHERE name = 'tags'")).toEqual([{ seq: 3 }]);
  });

  it.each([
    ["a table is gone", "DROP TABLE users;", /the table users is gone/],
    ["a table is renamed", "ALTER TABLE users RENAME TO people;", /the table users is gone or has another name/],
    ["a column is gone", "ALTER TABLE users DROP COLUMN v;", /of the table users, the column v is gone/],
    ["a column is renamed", "ALTER TABLE users RENAME v TO w;", /the column v is gone or has another name/],
  ])("is refused when %s, whatever a person says, and nothing is changed in any database", async (_, sql, message) => {
    await app.deploy(app.release({ ...inAll(SKU), "drizzle/content": added(sql) }));
    app.served = undefined;
    const before = schemas();
    await expect(undo("lose-rows", "break-served")).rejects.toMatchObject({
      code: "ERR_UNDO_IMPOSSIBLE",
      exitCode: 2,
      message: expect.stringMatching(message),
    });
    expect(schemas()).toEqual(before);
  });

  it("is refused when today's rows do not fit into the schema of before", async () => {
    change("core", "CREATE TABLE codes (code text NOT NULL UNIQUE)");
    const rebuild = `${SAID}CREATE TABLE n (code text);--> statement-breakpoint\nDROP TABLE codes;--> statement-breakpoint\nALTER TABLE n RENAME TO codes;`;
    await deployed(added(rebuild), ["core"]);
    change("core", "INSERT INTO codes VALUES (NULL)");
    const before = schemas();
    await expect(undo("lose-rows")).rejects.toMatchObject({
      code: "ERR_UNDO_IMPOSSIBLE",
      message: expect.stringContaining("NOT NULL constraint failed: codes.code. Nothing was changed."),
    });
    expect([schemas(), journalStates(app).at(-1)]).toEqual([before, "aborted"]);
  });

  it("is refused when somebody changed the schema since, and when there is nothing to undo", async () => {
    await expect(undo()).rejects.toMatchObject({ code: "ERR_UNDO_IMPOSSIBLE" });
    await deployed(SKU);
    change("system", "CREATE TABLE drift (x)");
    await expect(undo()).rejects.toMatchObject({
      message: expect.stringMatching(/changed since: table drift/),
    });
    expect(states(app)[0]).toBe("new");
  });

  it("is refused when one of the databases cannot be read, as it may have the migration, too", async () => {
    await deployed(SKU);
    writeFileSync(app.livePath("system"), "no database");
    await expect(undo()).rejects.toMatchObject({ code: "ERR_DATABASE_DAMAGED", details: { database: "system" } });
    rmSync(app.livePath("system"));
    await expect(undo()).rejects.toMatchObject({ code: "ERR_DATABASE_UNREADABLE", details: { database: "system" } });
    expect(states(app, ["core", "content"])).toEqual(["new", "new"]);
  });

  it("goes one migration further back each time", async () => {
    await app.deploy(app.release(inAll(SKU)));
    await app.deploy(app.release(inAll({ ...SKU, "0002_tags": "CREATE TABLE tags (t text);" })));
    app.served = app.release(inAll(START));
    expect(Object.values((await undo()).undone)).toEqual(Array(3).fill(["0002_tags"]));
    change("core", "UPDATE users SET sku = 'x'");
    await expect(undo()).rejects.toMatchObject({ code: "ERR_ROWS_WOULD_BE_LOST" });
    expect(Object.values((await undo("lose-rows")).undone)).toEqual(Array(3).fill(["0001_sku"]));
    await expect(undo()).rejects.toMatchObject({ code: "ERR_UNDO_IMPOSSIBLE" });
    expect(migrated()).toEqual([]);
  });

  it("waits for no writer for ever, and has changed nothing then", async () => {
    await deployed(SKU);
    const writer = app.open("content");
    writer.exec("BEGIN IMMEDIATE");
    hurry(app);
    await expect(undo()).rejects.toMatchObject({ code: "ERR_DATABASE_BUSY" });
    writer.close();
    expect([states(app), readdirSync(app.context.paths.snapshots).length]).toEqual([["new", "new", "new"], 1]);
  });

  it("that is interrupted while it waits for a lock changes nothing", async () => {
    await deployed(SKU);
    const interruption = new AbortController();
    app.context = { ...app.context, signal: interruption.signal };
    const writer = app.open("content");
    writer.exec("BEGIN IMMEDIATE");
    const undoing = undo();
    undoing.catch(() => undefined); // it is looked at below
    await until(() => journalStates(app).at(-1) === "prepared");
    interruption.abort(new Error("interrupted by SIGTERM"));
    writer.close();
    await expect(undoing).rejects.toThrow("interrupted by SIGTERM");
    expect([states(app), journalStates(app).at(-1)]).toEqual([["new", "new", "new"], "aborted"]);
  });
});

describe("db undo of what the served release needs", () => {
  it("is refused, and names the rollback that has to come first", async () => {
    const release = app.release(inAll(SKU));
    await app.deploy(release);
    await expect(undo("lose-rows")).rejects.toMatchObject({
      code: "ERR_RELEASE_NEEDS_SCHEMA",
      exitCode: 2,
      message: expect.stringMatching(
        /which is served, needs what would go:\n {2}core: users\.sku: its reads and writes/,
      ),
      hint: "Return to the release before first: `deployer rollback`. Then run `deployer db undo --lose-rows` again.",
    });
    expect(states(app)).toEqual(["new", "new", "new"]);
    await undo("break-served");
    expect(app.warnings.join()).toContain(`Release ${release.id}, which is served, breaks: core: users.sku`);
  });

  it("says that both have to be done together when no rollback is possible before it", async () => {
    const trigger = `${SAID}CREATE TRIGGER told AFTER INSERT ON users BEGIN SELECT 1; END;`;
    await app.deploy(app.release({ ...inAll(START), "drizzle/core": added(trigger) }));
    await expect(undo()).rejects.toMatchObject({
      code: "ERR_RELEASE_NEEDS_SCHEMA",
      hint: expect.stringContaining("`deployer db undo --break-served`, and at once `deployer rollback`"),
    });
  });

  it("is not in the way of what it only may notice, as an index", async () => {
    await app.deploy(app.release({ ...inAll(START), "drizzle/core": added("CREATE INDEX by_name ON users (name);") }));
    await undo();
    expect(app.warnings.join()).toMatch(/core: index by_name on users: its queries may become slow/);
  });
});

describe("db undo that is killed", () => {
  const killed = (given: Omit<Fault, "act">, ...flags: Flag[]): void => {
    const script = fileURLToPath(new URL("./testing/command-child.ts", import.meta.url));
    const said = JSON.stringify(Object.fromEntries(flags.map((flag) => [flag, true])));
    const env = { PATH: process.env.PATH, ...fault({ ...given, act: "kill" }) };
    expect(spawnSync(process.execPath, [script, app.root, "undo", said], { env }).signal).toBe("SIGKILL");
  };

  it.each([
    ["before the first COMMIT", 1, 3, "aborted"],
    ["between two COMMITs", 2, 0, "done"],
    ["before the last COMMIT", 3, 0, "done"],
  ] as const)("%s is settled by the next run: all have the migration, or none", async (_, nth, then, journal) => {
    await deployed(SKU);
    killed({ on: "run", matching: "COMMIT", nth });
    expect(migrated()).toHaveLength(4 - nth);
    await app.recover();
    expect([migrated().length, journalStates(app).at(-1), leftovers(app)]).toEqual([then, journal, []]);
    expect(readdirSync(app.context.paths.snapshots)).toHaveLength(journal === "done" ? 2 : 1);
  });

  it("after the last COMMIT is done, and the next run says so", async () => {
    await deployed(SKU);
    killed({ on: "fs", matching: "renameSync", nth: 3 });
    expect(migrated()).toEqual([]);
    await app.recover(journals(app).at(-1)!.run);
    expect(app.completed).toBe(true);
    expect([migrated(), journalStates(app).at(-1)]).toEqual([[], "done"]);
  });

  it("does not give up what was written since without a word: a warning says how a person finishes it", async () => {
    await deployed(SKU);
    killed({ on: "run", matching: "COMMIT", nth: 2 });
    for (const name of migrated()) change(name, "UPDATE users SET sku = 'late' WHERE id = 1");
    await app.recover();
    expect(migrated()).toHaveLength(2);
    expect(app.warnings.join("\n")).toMatch(/has to wait for a person\. [\s\S]*`deployer db undo --lose-rows`/);
    await undo("lose-rows");
    expect(migrated()).toEqual([]);
    await app.recover();
    expect(journalStates(app)).toEqual(["done", "done", "done"]);
  });
});

function schema(path: string): unknown {
  const db = new Database(path, { fileMustExist: true });
  try {
    return readSchema(db);
  } finally {
    db.close();
  }
}

/** Those that have the column of `SKU`. */
function migrated(): string[] {
  return DATABASES.filter((name) => columns(name).includes("sku"));
}

function columns(name: string): unknown[] {
  return query(name, "SELECT name FROM pragma_table_info('users')").map((row) => (row as { name: string }).name);
}

function change(name: string, sql: string): void {
  const db = new Database(app.livePath(name));
  db.exec(sql);
  db.close();
}

function query(name: string, sql: string): unknown[] {
  const db = new Database(app.livePath(name), { fileMustExist: true });
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}
