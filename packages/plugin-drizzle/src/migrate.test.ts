import { existsSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DrizzleOptions } from "./options.ts";
import { fault } from "./testing/fault.ts";
import { leftovers } from "./testing/migrated-app.ts";
import { DATABASES, type TestApp, testApp, threeDatabases } from "./testing/test-app.ts";
import { startWriters, troubleOf } from "./testing/writers.ts";

const USERS = { "0000_init": "CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL);" };
const SKU = { ...USERS, "0001_sku": "ALTER TABLE users ADD sku text;" };
/** Takes a second and more. */
const SLOW =
  "INSERT INTO users (name) WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 8000000) SELECT max(x) FROM n;";
const UNIQUE = {
  ...USERS,
  "0001_unique": "-- deployer: breaks the previous release\nCREATE UNIQUE INDEX one_name ON users (name);",
};

let app: TestApp;
beforeEach(() => begin());

async function begin(options: Partial<DrizzleOptions> = {}): Promise<void> {
  app = testApp({ ...threeDatabases(), ...options });
  await app.deploy(app.release(each(USERS, USERS, USERS)));
  for (const name of DATABASES) delete app.migrated[name];
}

/** Databases may be in another mode than WAL. */
async function beginInMaintenance(): Promise<void> {
  app[Symbol.dispose]();
  await begin({ maintenance: true });
}
afterEach(() => app[Symbol.dispose]());

describe("all databases as one unit", () => {
  it("commits the pending migrations of all, and tells them by database", async () => {
    await app.deploy(app.release(each(SKU, SKU, SKU)));
    expect(DATABASES.map(columns)).toEqual(Array(3).fill(["id", "name", "sku"]));
    expect(app.migrated).toEqual({ core: ["0001_sku"], system: ["0001_sku"], content: ["0001_sku"] });
  });

  it("leaves all as they were when the third fails on data that came after the copies were made", async () => {
    await using writers = await startWriters(DATABASES.map(app.livePath), { rate: 50 });
    const release = app.release(each(SKU, SKU, UNIQUE));
    await app.link(release);
    query("content", "INSERT INTO users (name) VALUES ('ada'), ('ada') RETURNING id");
    await expect(app.migrate(release)).rejects.toMatchObject({
      code: "ERR_MIGRATION_FAILED",
      exitCode: 4,
      details: {
        database: "content",
        migration: "0001_unique",
        number: 1,
        sqlite: "SQLITE_CONSTRAINT_UNIQUE",
        on: "the live data",
      },
    });
    expect(DATABASES.map(columns)).toEqual(Array(3).fill(["id", "name"]));
    expect(DATABASES.map(applied)).toEqual([1, 1, 1]);
    expect(app.migrated).toEqual({});
    // A rerun says so again, now before any lock; once the data is right it migrates all.
    await expect(app.deploy(app.release(each(SKU, SKU, UNIQUE)))).rejects.toMatchObject({
      details: { database: "content", on: "a copy" },
    });
    query("content", "DELETE FROM users WHERE id > 1 RETURNING id");
    await app.deploy(app.release(each(SKU, SKU, UNIQUE)));
    expect([await troubleOf(writers), DATABASES.map(applied), leftovers(app)]).toEqual([[], [2, 2, 2], []]);
    expect(integrity()).toEqual(["ok", "ok", "ok"]);
  });

  it("closes every connection, so that a failed run holds no lock", async () => {
    const release = app.release(each(SKU, SKU, UNIQUE));
    await app.link(release);
    change("content", "INSERT INTO users (name) VALUES ('ada'), ('ada')");
    await expect(app.migrate(release)).rejects.toThrow();
    for (const name of DATABASES) change(name, "INSERT INTO users (name) VALUES ('bob')");
    // The last connection to close removes the WAL: one of ours that is still open would keep it.
    expect(readdirSync(dirname(app.livePath("core"))).sort()).toEqual(["content.db", "core.db", "system.db"]);
  });

  it("touches only databases with something pending", async () => {
    const writer = locked("system");
    await app.deploy(app.release(each(SKU, USERS, USERS)));
    writer.close();
    expect(app.migrated).toEqual({ core: ["0001_sku"] });
  });

  it("loses no row that was written while the release was built", async () => {
    const release = app.release(each(SKU, SKU, SKU));
    await app.link(release);
    change("core", "INSERT INTO users (name) VALUES ('late')");
    await app.migrate(release);
    expect(query("core", "SELECT name, sku FROM users")).toEqual([{ name: "late", sku: null }]);
  });
});

describe("rebuilt tables", () => {
  const SHOP = {
    "0000_init":
      "CREATE TABLE users (id integer PRIMARY KEY, name text);--> statement-breakpoint\nCREATE TABLE posts (id integer PRIMARY KEY, author integer NOT NULL REFERENCES users(id) ON DELETE CASCADE);",
  };
  // As drizzle-kit 0.31 writes it.
  const REBUILD = {
    "0001_rebuild": [
      "-- deployer: breaks the previous release\nPRAGMA foreign_keys=OFF;",
      "CREATE TABLE `__new_users` (`id` integer PRIMARY KEY, `name` text NOT NULL);",
      "INSERT INTO `__new_users`(`id`, `name`) SELECT `id`, `name` FROM `users`;",
      "DROP TABLE `users`;",
      "ALTER TABLE `__new_users` RENAME TO `users`;",
      "PRAGMA foreign_keys=ON;",
    ].join("--> statement-breakpoint\n"),
  };

  it("keep the children that ON DELETE CASCADE would take along", async () => {
    using shop = testApp({ databases: { core: { file: "data/core.db", migrations: "drizzle/core" } } });
    await shop.deploy(shop.release({ "drizzle/core": SHOP }));
    const db = shop.open("core");
    db.exec("INSERT INTO users VALUES (1, 'ada'); INSERT INTO posts VALUES (1, 1), (2, 1), (3, 1)");
    await shop.deploy(shop.release({ "drizzle/core": { ...SHOP, ...REBUILD } }));
    expect(db.prepare("SELECT count(*) AS posts FROM posts").get()).toEqual({ posts: 3 });
    expect(db.pragma("foreign_key_check")).toEqual([]);
    db.close();
  });

  it("stop the run when rows would point at rows that are gone, and tolerate those that did so before", async () => {
    using shop = testApp({ databases: { core: { file: "data/core.db", migrations: "drizzle/core" } } });
    await shop.deploy(shop.release({ "drizzle/core": SHOP }));
    const db = shop.open("core");
    db.pragma("foreign_keys = OFF");
    db.exec("INSERT INTO users VALUES (1, 'ada'); INSERT INTO posts VALUES (1, 1), (2, 99)");
    await shop.deploy(shop.release({ "drizzle/core": { ...SHOP, "0001_note": "ALTER TABLE posts ADD note text;" } }));
    const orphaning = { ...SHOP, "0001_note": "ALTER TABLE posts ADD note text;", "0002_clean": "DELETE FROM users;" };
    await expect(shop.deploy(shop.release({ "drizzle/core": orphaning }))).rejects.toMatchObject({
      code: "ERR_MIGRATION_FAILED",
      message: expect.stringMatching(/posts row 1 -> users/),
    });
    expect(db.prepare("SELECT count(*) AS users FROM users").get()).toEqual({ users: 1 });
    db.close();
  });
});

describe("what a migration file may hold", () => {
  it.each(["COMMIT", "PRAGMA journal_mode=DELETE", "VACUUM", "ATTACH ':memory:' AS other"])(
    "stops at %s",
    async (statement) => {
      const bad = { ...USERS, "0001_bad": `CREATE TABLE half (x); ${statement};` };
      await expect(app.link(app.release(each(USERS, bad, USERS)))).rejects.toMatchObject({
        code: "ERR_MIGRATION_STATEMENT",
        exitCode: 4,
        details: { database: "system", migration: "0001_bad", number: 2, statement },
      });
    },
  );

  it("stops at a statement that ends the transaction by itself", async () => {
    const bad = {
      ...USERS,
      "0001_bad": "INSERT INTO users VALUES (1, 'a'); INSERT OR ROLLBACK INTO users VALUES (1, 'b');",
    };
    await expect(app.link(app.release(each(USERS, bad, USERS)))).rejects.toMatchObject({
      code: "ERR_MIGRATION_FAILED",
    });
  });

  it("does not look at what was applied long ago", async () => {
    const old = { "0000_init": `${USERS["0000_init"]}COMMIT;` };
    using other = testApp({ databases: { core: { file: "data/core.db", migrations: "drizzle/core" } } });
    await expect(other.link(other.release({ "drizzle/core": old }))).rejects.toMatchObject({
      code: "ERR_MIGRATION_STATEMENT",
    });
    const db = other.open("core");
    db.exec("CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)");
    const { readMigrationsFolder } = await import("./migrations-folder.ts");
    const release = other.release({ "drizzle/core": old });
    const [migration] = await readMigrationsFolder(`${release.path}/drizzle/core`, other.context.fs);
    db.prepare("INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)").run(
      migration!.hash,
      migration!.when,
    );
    db.close();
    await other.deploy(release);
  });

  it("runs a trigger, a comment, a trailing breakpoint and several statements in a chunk", async () => {
    const mixed = {
      ...USERS,
      "0001_mixed":
        "-- why;\r\n-- deployer: breaks the previous release\r\nCREATE TABLE log (x);\r\nCREATE TRIGGER t AFTER INSERT ON users BEGIN INSERT INTO log VALUES (new.name); SELECT 1; END;\r\n--> statement-breakpoint\r\n-- nothing here\r\n--> statement-breakpoint\r\n",
    };
    await app.deploy(app.release(each(mixed, USERS, USERS)));
    change("core", "INSERT INTO users (name) VALUES ('ada')");
    expect(query("core", "SELECT x FROM log")).toEqual([{ x: "ada" }]);
  });
});

describe("between rehearsal and commit", () => {
  it.each([
    ["the schema", (name: string) => change(name, "CREATE TABLE drift (x)"), "table drift"],
    [
      "the applied migrations",
      (name: string) => change(name, "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', 1)"),
      "the applied migrations",
    ],
    ["the file itself", replaceFile, "the file itself"],
  ])("a change of %s stops the run, all as before; a rerun migrates all", async (_, act, changed) => {
    await using writers = await startWriters([app.livePath("core"), app.livePath("system")], { rate: 50 });
    const release = app.release(each(SKU, SKU, SKU));
    await app.link(release);
    act("content");
    await expect(app.migrate(release)).rejects.toMatchObject({
      code: "ERR_DATABASE_CHANGED",
      details: { database: "content", changed: [changed] },
    });
    expect(DATABASES.map(columns)).toEqual(Array(3).fill(["id", "name"]));
    // What nobody knows stops a rerun as well, until it is gone; the rest is taken as it is.
    change("content", "DELETE FROM __drizzle_migrations WHERE hash = 'x'");
    await app.deploy(app.release(each(SKU, SKU, SKU)));
    expect([await troubleOf(writers), DATABASES.map(applied), leftovers(app)]).toEqual([[], [2, 2, 2], []]);
    expect(integrity()).toEqual(["ok", "ok", "ok"]);
  });

  it("a release that would end in another schema than its rehearsal is not committed", async () => {
    const release = app.release(each(SKU, SKU, SKU));
    await app.link(release);
    // A migration that looks at the data it meets cannot be seen through by a rehearsal.
    app.context = {
      ...app.context,
      env: {
        ...app.context.env,
        ...fault({ on: "prepare", matching: "ALTER TABLE users", act: "also", sql: "CREATE TABLE other (x)" }),
      },
    };
    await expect(app.migrate(release)).rejects.toMatchObject({
      code: "ERR_MIGRATION_FAILED",
      message: expect.stringMatching(/another one than on the copy: table other/),
    });
    expect(columns("core")).toEqual(["id", "name"]);
  });
});

describe("locks", () => {
  it("gives up after five seconds with the name of the database, nothing changed; a rerun migrates all", async () => {
    app[Symbol.dispose]();
    await begin({ maxLockMs: 60_000 });
    const release = app.release(each({ ...USERS, "0001_slow": SLOW }, SKU, SKU));
    await app.link(release);
    const writer = locked("system");
    await using writers = await startWriters([app.livePath("core"), app.livePath("content")], { rate: 50 });
    await expect(app.migrate(release)).rejects.toMatchObject({
      code: "ERR_DATABASE_BUSY",
      exitCode: 4,
      mayPass: true,
      details: { database: "system" },
    });
    // The others are free meanwhile: none is migrated for nothing.
    expect(Math.max(...(await writers.look()).map(({ longest }) => longest))).toBeLessThan(500);
    writer.close();
    expect(DATABASES.map(columns)).toEqual(Array(3).fill(["id", "name"]));
    await app.deploy(app.release(each(SKU, SKU, SKU)));
    expect([await troubleOf(writers), DATABASES.map(applied), leftovers(app)]).toEqual([[], [2, 2, 2], []]);
    expect(integrity()).toEqual(["ok", "ok", "ok"]);
  });

  it("ends when the run is interrupted while it waits", async () => {
    const release = app.release(each(SKU, SKU, SKU));
    await app.link(release);
    const writer = locked("core");
    const interrupted = AbortSignal.abort(new Error("interrupted"));
    app.context = { ...app.context, signal: interrupted };
    await expect(app.migrate(release)).rejects.toThrow("interrupted");
    writer.close();
  });
});

describe("a COMMIT that fails", () => {
  beforeEach(beginInMaintenance);

  // Not in WAL mode a reader keeps a COMMIT from its lock: the one fault of a COMMIT that can be staged at will.
  const withReader = (name: string): Database.Database => {
    const reader = new Database(app.livePath(name));
    reader.exec("BEGIN; SELECT * FROM users");
    reader.prepare("SELECT count(*) FROM users").get();
    return reader;
  };

  it("at the first database leaves all as they were", async () => {
    change("core", "PRAGMA journal_mode=DELETE");
    const release = app.release(each(SKU, SKU, SKU));
    await app.link(release);
    const reader = withReader("core");
    await expect(app.migrate(release)).rejects.toMatchObject({
      code: "ERR_MIGRATION_FAILED",
      exitCode: 4,
      details: { database: "core", sqlite: "SQLITE_BUSY" },
    });
    reader.close();
    expect(DATABASES.map(columns)).toEqual(Array(3).fill(["id", "name"]));
  });

  describe("at a later one", () => {
    it("is told with what is migrated and what is not, and the next run applies the rest", async () => {
      for (const name of ["core", "system"]) change(name, "PRAGMA journal_mode=DELETE");
      change("core", "CREATE TABLE filler AS SELECT randomblob(2000000) AS x");
      const update = { ...USERS, "0001_big": "UPDATE filler SET x = randomblob(2000000);" };
      const release = app.release(each(update, SKU, SKU));
      await app.link(release);
      const reader = withReader("system");
      await expect(app.migrate(release)).rejects.toMatchObject({
        code: "ERR_MIGRATION_INCOMPLETE",
        exitCode: 5,
        details: { migrated: ["core"], failed: "system" },
      });
      reader.close();
      expect(app.migrated).toEqual({ core: ["0001_big"] });
      expect(DATABASES.map(applied)).toEqual([2, 1, 1]);
      await app.deploy(app.release(each(update, SKU, SKU)));
      expect(DATABASES.map(applied)).toEqual([2, 2, 2]);
    });
  });
});

describe("new databases", () => {
  it("are made in WAL at commit only, with nothing left beside them", async () => {
    using fresh = testApp();
    const release = fresh.release(each(SKU, SKU, SKU));
    await fresh.link(release);
    expect(readdirSync(dirname(fresh.livePath("core")))).toEqual([]);
    await fresh.migrate(release);
    expect(readdirSync(dirname(fresh.livePath("core"))).sort()).toEqual(["content.db", "core.db", "system.db"]);
    const db = new Database(fresh.livePath("core"), { readonly: true });
    expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
    db.close();
    expect((await fresh.context.fs.look(fresh.livePath("core")))?.links).toBe(1);
  });

  it("hold nothing of what a trial wrote into the copy", async () => {
    using fresh = testApp();
    const release = fresh.release(each(USERS, USERS, USERS));
    await fresh.link(release);
    const copy = new Database(fresh.copyPath(release, "core"));
    copy.exec("INSERT INTO users (name) VALUES ('trial')");
    copy.close();
    await fresh.settle(release);
    await fresh.migrate(release);
    const db = fresh.open("core");
    expect(db.prepare("SELECT count(*) AS users FROM users").get()).toEqual({ users: 0 });
    db.close();
  });

  it("do not appear when another database fails", async () => {
    renameSync(app.livePath("core"), `${app.livePath("core")}.away`);
    app.stored.clear();
    const release = app.release(each(USERS, USERS, UNIQUE));
    await app.link(release);
    change("content", "INSERT INTO users (name) VALUES ('ada'), ('ada')");
    await expect(app.migrate(release)).rejects.toMatchObject({ code: "ERR_MIGRATION_FAILED" });
    expect(readdirSync(dirname(app.livePath("core"))).filter((name) => name.startsWith("core"))).toEqual([
      "core.db.away",
    ]);
  });

  it("disappear again when the first COMMIT fails", async () => {
    await beginInMaintenance();
    renameSync(app.livePath("core"), `${app.livePath("core")}.away`);
    app.stored.clear();
    change("content", "PRAGMA journal_mode=DELETE");
    const release = app.release(each(USERS, USERS, SKU));
    await app.link(release);
    const reader = new Database(app.livePath("content"));
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM users").get();
    await expect(app.migrate(release)).rejects.toMatchObject({ code: "ERR_MIGRATION_FAILED" });
    reader.close();
    expect(existsSync(app.livePath("core"))).toBe(false);
    expect(app.migrated).toEqual({});
  });

  it("never take the place of a file that came meanwhile", async () => {
    renameSync(app.livePath("core"), `${app.livePath("core")}.away`);
    app.stored.clear();
    const release = app.release(each(USERS, SKU, SKU));
    await app.link(release);
    writeFileSync(app.livePath("core"), "mine");
    await expect(app.migrate(release)).rejects.toMatchObject({
      code: "ERR_DATABASE_CHANGED",
      details: { database: "core" },
    });
    expect((await app.context.fs.readText(app.livePath("core"))).toString()).toBe("mine");
    expect(columns("system")).toEqual(["id", "name"]);
  });

  it("are not made again once they were seen: an unmounted volume is no empty database", async () => {
    renameSync(app.livePath("system"), `${app.livePath("system")}.away`);
    await expect(app.link(app.release(each(USERS, USERS, USERS)))).rejects.toMatchObject({
      code: "ERR_DATABASE_MISSING",
      exitCode: 2,
      details: { database: "system" },
    });
    expect(existsSync(app.livePath("system"))).toBe(false);
  });

  it("leave nothing of a killed run once it is recovered", async () => {
    const leftover = `${app.livePath("core")}.deployer-new-1`;
    for (const suffix of ["", "-wal", "-shm"]) writeFileSync(leftover + suffix, "");
    writeFileSync(`${app.livePath("core")}.backup`, "");
    await app.recover();
    expect(readdirSync(dirname(app.livePath("core"))).sort()).toEqual([
      "content.db",
      "core.db",
      "core.db.backup",
      "system.db",
    ]);
  });
});

type Files = Readonly<Record<string, string>>;

function each(core: Files, system: Files, content: Files): Record<string, Files> {
  return { "drizzle/core": core, "drizzle/system": system, "drizzle/content": content };
}

/** Writes as the app would, and fails at once when it is kept from it. */
function change(name: string, sql: string): void {
  const db = new Database(app.livePath(name), { timeout: 0 });
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

function locked(name: string): Database.Database {
  const db = new Database(app.livePath(name));
  db.exec("BEGIN IMMEDIATE");
  return db;
}

function replaceFile(name: string): void {
  const path = app.livePath(name);
  const copy = new Database(path);
  copy.prepare("VACUUM INTO ?").run(`${path}.other`);
  copy.close();
  renameSync(`${path}.other`, path);
  app.open(name).close(); // a copy is not in WAL mode until the app opens it
}

function integrity(): unknown[] {
  return DATABASES.flatMap((name) =>
    query(name, "PRAGMA integrity_check").map((row) => Object.values(row as object)[0]),
  );
}

function columns(name: string): unknown[] {
  return query(name, "SELECT name FROM pragma_table_info('users')").map((row) => (row as { name: string }).name);
}

function applied(name: string): unknown {
  return (query(name, "SELECT count(*) AS n FROM __drizzle_migrations")[0] as { n: number }).n;
}

function query(name: string, sql: string): unknown[] {
  const db = new Database(app.livePath(name), { fileMustExist: true });
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}
