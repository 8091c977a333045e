import { fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SnapshotList } from "./db-snapshots.ts";
import type { Undone } from "./db-undo.ts";
import { readSchema } from "./schema.ts";
import { inAll, journals, migratedApp, SKU, START, states, until } from "./testing/migrated-app.ts";
import { DATABASES, type TestApp } from "./testing/test-app.ts";
import { lostWrites, startWriters } from "./testing/writers.ts";

const FILES = (app: TestApp): string[] => DATABASES.map((name) => app.livePath(name));

let app: TestApp;
beforeEach(() => {
  app = migratedApp();
});
afterEach(() => app[Symbol.dispose]());

const undo = (): Promise<unknown> => app.command("undo");
const restore = (input: { readonly run?: string; readonly losesWrites?: boolean } = {}): Promise<unknown> =>
  app.command("restore", { args: { run: input.run }, flags: { "lose-writes": input.losesWrites ?? false } });
const snapshots = (): Promise<unknown> => app.command("snapshots");

describe("db undo", () => {
  it("gives all databases the schema of before and keeps every row, also those written meanwhile", async () => {
    await using writers = await startWriters(FILES(app), { rate: 100 });
    const before = FILES(app).map(schema);
    await app.deploy(app.release(inAll(SKU)));
    change("core", "INSERT INTO users (name, sku) VALUES ('new', 'x')");
    const { text, undone } = (await undo()) as Undone;
    expect(text).toMatch(/core: 0001_sku undone; every row is kept/);
    expect(Object.keys(undone)).toEqual([...DATABASES]);
    const written = await writers.stop();
    expect(written.map((each) => [each.errors, lostWrites(each)])).toEqual(Array(3).fill([{}, 0]));
    expect(FILES(app).map(schema)).toEqual(before);
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
    const wider = {
      ...START,
      "0001_wide":
        "ALTER TABLE users ADD a text; ALTER TABLE tags ADD b text; CREATE TABLE more (x); DROP VIEW owners; DROP INDEX by_owner;",
    };
    await app.deploy(app.release({ ...inAll(START), "drizzle/core": wider }));
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
    ["a column is gone", "ALTER TABLE users DROP COLUMN v;", /of the table users, the column v is gone/],
  ])("is refused when %s, and nothing is changed in any database", async (_what, sql, message) => {
    const release = app.release({ ...inAll(SKU), "drizzle/content": { ...START, "0001_drop": sql } });
    await app.deploy(release);
    const before = FILES(app).map(schema);
    await expect(undo()).rejects.toMatchObject({
      code: "ERR_UNDO_IMPOSSIBLE",
      exitCode: 2,
      message: expect.stringMatching(message),
    });
    expect(FILES(app).map(schema)).toEqual(before);
  });

  it("is refused when somebody changed the schema since, and when there is nothing to undo", async () => {
    await expect(undo()).rejects.toMatchObject({ code: "ERR_UNDO_IMPOSSIBLE" });
    await app.deploy(app.release(inAll(SKU)));
    change("system", "CREATE TABLE drift (x)");
    await expect(undo()).rejects.toMatchObject({
      message: expect.stringMatching(/changed since: table drift/),
    });
    expect(states(app)[0]).toBe("new");
  });
});

describe("db restore", () => {
  it("puts the databases back as they were, under an app that has them open", async () => {
    const readers = DATABASES.map((name) => app.open(name));
    await app.deploy(app.release(inAll(SKU)));
    const answer = await restore();
    expect(answer).toMatchObject({ restored: [...DATABASES], writesLost: false });
    expect(states(app)).toEqual(["old", "old", "old"]);
    for (const reader of readers) {
      expect(reader.prepare("SELECT count(*) AS n FROM users").get()).toEqual({ n: 10 });
      reader.close();
    }
  });

  it("is refused when the app wrote since, unless a person says that this may be lost", async () => {
    const readers = DATABASES.map((name) => app.open(name));
    await app.deploy(app.release(inAll(SKU)));
    readers[1]!.exec("INSERT INTO users (name) VALUES ('late')");
    await expect(restore()).rejects.toMatchObject({
      code: "ERR_WRITES_WOULD_BE_LOST",
      exitCode: 2,
      details: { databases: ["system"] },
    });
    expect(states(app)).toEqual(["new", "new", "new"]);
    expect(await restore({ losesWrites: true })).toMatchObject({ writesLost: true });
    expect(states(app)).toEqual(["old", "old", "old"]);
    for (const reader of readers) reader.close();
  });

  it("sees the write of a transaction that was open when it looked, because it looks again under the lock", async () => {
    const readers = DATABASES.map((name) => app.open(name));
    await app.deploy(app.release(inAll(SKU)));
    const script = fileURLToPath(new URL("./testing/holder.ts", import.meta.url));
    const holder = fork(script, [app.livePath("system")], { execArgv: [] });
    await once(holder, "message");
    const restoring = restore();
    restoring.catch(() => undefined); // it is looked at below
    await until(() => app.infos.some((text) => text.includes("Waiting for somebody who writes")));
    holder.send("commit");
    await expect(restoring).rejects.toMatchObject({
      code: "ERR_WRITES_WOULD_BE_LOST",
      details: { databases: ["system"] },
    });
    expect(states(app)).toEqual(["new", "new", "new"]);
    expect(query("system", "SELECT name FROM users WHERE id > 10")).toEqual([{ name: "held" }]);
    for (const reader of readers) reader.close();
  });

  it("fails, with nothing restored, when somebody goes on writing", async () => {
    const readers = DATABASES.map((name) => app.open(name));
    await app.deploy(app.release(inAll(SKU)));
    readers[2]!.exec("BEGIN IMMEDIATE");
    await expect(restore()).rejects.toMatchObject({ code: "ERR_RESTORE_FAILED" });
    readers[2]!.exec("ROLLBACK");
    expect(states(app)).toEqual(["new", "new", "new"]);
    expect(await restore()).toMatchObject({ writesLost: false });
    for (const reader of readers) reader.close();
  });

  it("keeps every write under an app that goes on, or loses them all by a person's word", async () => {
    await using writers = await startWriters(FILES(app), { rate: 200 });
    await app.deploy(app.release(inAll(SKU)));
    await expect(restore()).rejects.toMatchObject({ code: "ERR_WRITES_WOULD_BE_LOST" });
    expect(await restore({ losesWrites: true })).toMatchObject({ writesLost: true });
    const written = await writers.stop();
    expect(written.map(({ errors }) => errors)).toEqual(Array(3).fill({}));
    expect(states(app)).toEqual(["old", "old", "old"]);
  });

  it("says that there is no snapshot", async () => {
    await expect(restore({ run: "nowhere" })).rejects.toMatchObject({ code: "ERR_NO_SNAPSHOT" });
  });
});

describe("snapshots", () => {
  it("are exact under writes, private, listed, and the newest three are kept", async () => {
    await using writers = await startWriters(FILES(app), { rate: 200 });
    let files: Record<string, string> = START as Record<string, string>;
    for (const n of [1, 2, 3, 4]) {
      files = { ...files, [`000${n}_t${n}`]: `CREATE TABLE t${n} AS SELECT (SELECT max(n) FROM written) AS last;` };
      await app.deploy(app.release(inAll(files)));
    }
    await writers.stop();
    const { snapshots: kept, text } = (await snapshots()) as SnapshotList;
    expect(kept.map(({ run }) => run)).toEqual(
      journals(app)
        .map(({ run }) => run)
        .reverse()
        .slice(0, 3),
    );
    expect(text).toMatch(/core: .*, before 0004_t4/);
    for (const [index, { databases }] of kept.entries()) {
      for (const { name, file } of databases) {
        const snapshot = new Database(file);
        expect(snapshot.pragma("integrity_check", { simple: true })).toBe("ok");
        // The migration itself noted how far the app was under the lock.
        const last = query(name, `SELECT last FROM t${4 - index}`)[0];
        expect(snapshot.prepare("SELECT max(n) AS last FROM written").get()).toEqual(last);
        snapshot.close();
      }
    }
    const modes = await Promise.all(
      kept.flatMap(({ databases }) => databases.map(async ({ file }) => (await app.context.fs.look(file))?.mode)),
    );
    expect(new Set(modes)).toEqual(new Set([0o600]));
    expect(readdirSync(join(app.root, ".deployer", "snapshots"))).toHaveLength(3);
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
