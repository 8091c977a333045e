import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Plugin } from "@deployer/core";
import Database from "better-sqlite3";
import { drizzle as drizzleOrm } from "drizzle-orm/better-sqlite3";
import { migrate as drizzleMigrate } from "drizzle-orm/better-sqlite3/migrator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readApplied } from "./applied.ts";
import { drizzle } from "./drizzle.ts";
import type { DrizzleOptions } from "./options.ts";
import { DATABASES, type TestApp, testApp, threeDatabases } from "./testing/test-app.ts";

const USERS = { "0000_init": "CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL);" };
const SKU = { ...USERS, "0001_sku": "ALTER TABLE users ADD sku text;" };

let app: TestApp;
beforeEach(() => {
  app = testApp();
});
afterEach(() => app[Symbol.dispose]());

describe("rehearsal on copies", () => {
  beforeEach(async () => {
    await app.deploy(app.release(inAll(USERS)));
    insert("core", "ada");
  });

  it("shows build and gate the migrated schema and the live rows, and leaves the live database alone", async () => {
    const before = readFileSync(app.livePath("core"));
    const release = app.release(inAll(SKU));
    await app.link(release);
    expect(query(app.copyPath(release, "core"), "SELECT name, sku FROM users")).toEqual([{ name: "ada", sku: null }]);
    expect(readFileSync(app.livePath("core")).equals(before)).toBe(true);
    expect(columns("core")).toEqual(["id", "name"]);
  });

  it("gives a copy the journal mode of the live file", async () => {
    const release = app.release(inAll(USERS));
    await app.link(release);
    expect(query(app.copyPath(release, "core"), "PRAGMA journal_mode")).toEqual([{ journal_mode: "wal" }]);
  });

  it("is for its user alone from its first byte on, where the live file was kept by its folder only", async () => {
    const live = app.open("core");
    live.exec("INSERT INTO users (name) VALUES ('in the log')");
    for (const suffix of ["", "-wal"]) chmodSync(app.livePath("core") + suffix, 0o644);
    const tools = join(app.root, "tools");
    mkdirSync(tools);
    const noting = `#!/bin/sh\n/bin/cp "$@" && for last; do :; done && stat -c %a "$last" >> ${app.root}/modes\n`;
    writeFileSync(join(tools, "cp"), noting, { mode: 0o755 });
    app.context = { ...app.context, env: { ...app.context.env, PATH: `${tools}:${process.env.PATH}` } };
    const release = app.release(inAll(SKU));
    const umask = process.umask(0);
    try {
      await app.deploy(release);
    } finally {
      process.umask(umask);
      live.close();
    }
    const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    const copy = app.copyPath(release, "core");
    expect(mode(copy)).toBe("600");
    const folder = join(app.context.paths.snapshots, app.context.run.id);
    const snapshots = readdirSync(folder).map((name) => `${name} ${mode(join(folder, name))}`);
    expect([mode(folder), snapshots.sort()]).toEqual([
      "700",
      expect.arrayContaining(["core.db 600", "core.db-wal 600"]),
    ]);
    expect(new Set(readFileSync(join(app.root, "modes"), "utf8").trim().split("\n"))).toEqual(new Set(["600"]));
  });

  it("stands there also when nothing is pending", async () => {
    const release = app.release(inAll(USERS));
    await app.link(release);
    expect(query(app.copyPath(release, "core"), "SELECT name FROM users")).toEqual([{ name: "ada" }]);
  });

  it("stops at a migration that the data does not allow, naming file and statement, before anything live is locked", async () => {
    insert("core", "ada");
    const release = app.release({
      ...inAll(USERS),
      "drizzle/core": {
        ...USERS,
        "0001_unique": "-- deployer: breaks the previous release\nSELECT 1; CREATE UNIQUE INDEX u ON users (name);",
      },
    });
    await expect(app.link(release)).rejects.toMatchObject({
      code: "ERR_MIGRATION_FAILED",
      exitCode: 4,
      details: {
        database: "core",
        migration: "0001_unique",
        number: 2,
        sqlite: "SQLITE_CONSTRAINT_UNIQUE",
        on: "a copy",
      },
    });
    expect(columns("core")).toEqual(["id", "name"]);
  });

  it("ends with the app's own migration at start: the schema of a copy differs after the trial", async () => {
    const release = app.release(inAll(SKU));
    await app.link(release);
    const copy = new Database(app.copyPath(release, "system"));
    copy.exec("CREATE TABLE surprise (x)");
    copy.close();
    await expect(app.settle(release)).rejects.toMatchObject({
      code: "ERR_SELF_MIGRATED",
      details: { database: "system", changed: ["table surprise"] },
    });
  });

  it("lets an app run drizzle's own migrator at start, which finds nothing to do", async () => {
    const release = app.release(inAll(SKU));
    await app.link(release);
    const copy = new Database(app.copyPath(release, "core"));
    drizzleMigrate(drizzleOrm(copy), { migrationsFolder: join(release.path, "drizzle/core") });
    copy.close();
    await app.settle(release);
    await app.migrate(release);
    expect(app.migrated.core).toEqual(["0001_sku"]);
  });

  it("stops when there is no room and migrations are pending, and only warns when none is", async () => {
    app.context = { ...app.context, config: { ...app.context.config, copies: { maxBytes: 10 } } };
    await expect(app.link(app.release(inAll(SKU)))).rejects.toMatchObject({
      code: "ERR_NO_ROOM_TO_REHEARSE",
      exitCode: 2,
      details: { needed: expect.any(Number), free: expect.any(Number) },
    });
    expect((await app.link(app.release(inAll(USERS))))[0]?.substitutes).toBeUndefined();
    expect(app.warnings.at(-1)).toMatch(/see the live databases/);
  });

  it("takes at most half of what is free", async () => {
    app.context = { ...app.context, fs: { ...app.context.fs, freeBytes: async () => 20_000 } };
    await expect(app.link(app.release(inAll(SKU)))).rejects.toMatchObject({ code: "ERR_NO_ROOM_TO_REHEARSE" });
  });

  it("offers no copies with `copies: false`, and still migrates", async () => {
    app.context = { ...app.context, config: { ...app.context.config, copies: false } };
    const release = app.release(inAll(SKU));
    expect((await app.link(release))[0]?.substitutes).toBeUndefined();
    await app.migrate(release);
    expect(columns("core")).toEqual(["id", "name", "sku"]);
  });

  it("never follows a link in the stand-in to what is live", async () => {
    using other = testApp({ databases: { core: { file: "data/sub/core.db", migrations: "drizzle/core" } } });
    const release = other.release({ "drizzle/core": USERS });
    await other.context.fs.makeDirectory(join(release.path, ".rehearsal", "data"));
    symlinkSync(join(other.root, "shared", "data"), join(release.path, ".rehearsal", "data", "sub"));
    await expect(other.link(release)).rejects.toMatchObject({ code: "ERR_FOREIGN_LINK" });
    expect(readdirSync(join(other.root, "shared", "data"))).toEqual([]);
  });

  it.each(["drizzle/core", "drizzle/core/0000_init.sql", "drizzle/core/meta", "setup.mjs"])(
    "takes no SQL and no setup from outside: %s as a link out of the release is refused",
    async (path) => {
      const databases = { core: { file: "data/core.db", migrations: "drizzle/core" } };
      using other = testApp({ databases, setup: "setup.mjs" });
      const release = other.release({ "drizzle/core": USERS });
      writeFileSync(join(release.path, "setup.mjs"), "export default () => {};");
      const place = join(release.path, path);
      const outside = join(other.root, "outside");
      renameSync(place, outside);
      symlinkSync(outside, place);
      await expect(other.link(release)).rejects.toMatchObject({ code: "ERR_FOREIGN_LINK", details: { link: place } });
    },
  );

  it("takes migrations and setup behind links within the release", async () => {
    const databases = { core: { file: "data/core.db", migrations: "drizzle/core" } };
    using other = testApp({ databases, setup: "setup.mjs" });
    const release = other.release({ "real/core": USERS });
    writeFileSync(join(release.path, "real", "setup.mjs"), "export default () => {};");
    symlinkSync("real", join(release.path, "drizzle"));
    symlinkSync("real/setup.mjs", join(release.path, "setup.mjs"));
    await other.link(release);
    expect(query(other.copyPath(release, "core"), "SELECT name FROM users")).toEqual([]);
  });

  it("tells the app by its variable where the copy is", async () => {
    using other = testApp({
      databases: { core: { file: "data/core.db", migrations: "drizzle/core", env: "CORE_DB" } },
    });
    const release = other.release({ "drizzle/core": USERS });
    const nothing = (): void => undefined;
    const undo = (): { drop(): void } => ({ drop: nothing });
    const extra = { release, previous: undefined, undo, skipGate: nothing, tryPrevious: nothing, copyBeside: nothing };
    const context = { ...other.context, ...extra };
    const [entry] = await other.link(release);
    const standIn = join(release.path, "elsewhere");
    expect(await entry!.substitutes![0]!.fill(standIn, context)).toEqual({
      env: { CORE_DB: join(standIn, "core.db") },
    });
  });

  it("copies a single shared file in its place", async () => {
    using other = testApp({ databases: { core: { file: "data/core.db", migrations: "drizzle/core" } } }, [
      { path: "data/core.db", kind: "file" },
    ]);
    const release = other.release({ "drizzle/core": USERS });
    const [entry] = await other.link(release);
    expect(entry?.substitutes?.[0]?.owns).toEqual(["data/core.db"]);
    expect(query(other.copyPath(release, "core"), "SELECT name FROM users")).toEqual([]);
  });
});

describe("a database without migrations", () => {
  it("is copied and never migrated, and its schema is the app's own affair", async () => {
    using other = testApp({ databases: { cache: { file: "data/cache.db" } } });
    const live = other.open("cache");
    live.exec("CREATE TABLE entries (x); INSERT INTO entries VALUES (1)");
    live.close();
    const release = other.release({});
    await other.link(release);
    expect(query(other.copyPath(release, "cache"), "SELECT x FROM entries")).toEqual([{ x: 1 }]);
    const copy = new Database(other.copyPath(release, "cache"));
    copy.exec("CREATE TABLE more (x)");
    copy.close();
    await other.settle(release);
    expect(other.warnings).toEqual([expect.stringMatching(/cache: .*table more/)]);
    await other.migrate(release);
    expect(other.migrated).toEqual({});
  });
});

describe("a rebuild within COMMIT; PRAGMA foreign_keys=OFF; BEGIN and its counterpart", () => {
  const CHILDREN = {
    "0000_init":
      "CREATE TABLE users (id integer PRIMARY KEY, name text); CREATE TABLE posts (id integer PRIMARY KEY, author integer NOT NULL REFERENCES users(id) ON DELETE CASCADE);",
  };
  const REBUILD = `CREATE TABLE __new_users (id integer PRIMARY KEY, name text, sku text);
    INSERT INTO __new_users (id, name) SELECT id, name FROM users WHERE id > ?;
    DROP TABLE users; ALTER TABLE __new_users RENAME TO users;`;
  const rebuilt = (above: number): ReturnType<TestApp["release"]> => {
    const sql = `COMMIT;--> statement-breakpoint\nPRAGMA foreign_keys=OFF;--> statement-breakpoint\nBEGIN;${REBUILD.replace("?", String(above))}COMMIT;PRAGMA foreign_keys=ON;BEGIN;`;
    return app.release({ ...inAll(CHILDREN), "drizzle/core": { ...CHILDREN, "0001_rebuild": sql } });
  };

  beforeEach(async () => {
    await app.deploy(app.release(inAll(CHILDREN)));
    insert("core", "ada");
    insert("core", "bob");
    const live = app.open("core");
    live.exec("INSERT INTO posts (author) VALUES (1), (2)");
    live.close();
  });

  it("is run in our transaction, and keeps the children, as drizzle's own migrator does", async () => {
    const release = rebuilt(0);
    await app.deploy(release);
    expect(query(app.livePath("core"), "SELECT author FROM posts")).toEqual([{ author: 1 }, { author: 2 }]);
    expect(columns("core")).toEqual(["id", "name", "sku"]);
    const live = app.open("core");
    const applied = readApplied(live);
    drizzleMigrate(drizzleOrm(live), { migrationsFolder: join(release.path, "drizzle/core") });
    expect(readApplied(live)).toEqual(applied);
    live.close();
  });

  it("is stopped, as any other, when it leaves children without their parent", async () => {
    await expect(app.link(rebuilt(1))).rejects.toMatchObject({
      code: "ERR_MIGRATION_FAILED",
      message: expect.stringContaining("rows would point at rows that are gone: posts row 1 -> users"),
    });
    expect(columns("core")).toEqual(["id", "name"]);
  });
});

describe("afterwards", () => {
  it("drizzle's own migrator finds every migration applied, in a database that looks as if it had made it", async () => {
    const release = app.release(inAll(SKU));
    await app.deploy(release);
    const reference = new Database(":memory:");
    drizzleMigrate(drizzleOrm(reference), { migrationsFolder: join(release.path, "drizzle/core") });
    const live = app.open("core");
    const everything = (db: Database.Database): unknown[] => [
      db.prepare("SELECT type, name, sql FROM sqlite_master ORDER BY name").all(),
      db.prepare("SELECT *, typeof(created_at) AS type FROM __drizzle_migrations").all(),
    ];
    expect(everything(live)).toEqual(everything(reference));
    drizzleMigrate(drizzleOrm(live), { migrationsFolder: join(release.path, "drizzle/core") });
    expect(readApplied(live)).toEqual(readApplied(reference));
    live.close();
    reference.close();
  });

  it("a second run has nothing to do and leaves the live files byte for byte", async () => {
    await app.deploy(app.release(inAll(USERS)));
    const bytes = (): Buffer[] => DATABASES.map((name) => readFileSync(app.livePath(name)));
    const before = bytes();
    delete app.migrated.core;
    await app.deploy(app.release(inAll(USERS)));
    expect(app.migrated.core).toBeUndefined();
    expect(bytes().every((now, index) => now.equals(before[index]!))).toBe(true);
  });
});

describe("config", () => {
  it("names the shared entry that a database lacks", async () => {
    using other = testApp(threeDatabases(), [{ path: "uploads", kind: "directory" }]);
    await expect(other.link(other.release(inAll(USERS)))).rejects.toMatchObject({
      code: "ERR_DATABASE_NOT_SHARED",
      exitCode: 2,
      hint: 'Add "data/" to `shared` in the config.',
    });
  });

  it("plans one line for each database, and makes none", async () => {
    await app.deploy(app.release(inAll(USERS)));
    const { databases } = threeDatabases();
    const options = {
      databases: { ...databases, later: { file: "data/later.db", migrations: "m" }, log: { file: "l.db" } },
    };
    const revision = { hash: "a", ref: "main", remote: "test" };
    expect(await pluginOf(options).plan!({ ...app.context, revision, current: undefined })).toEqual([
      "core: data/core.db, 1 applied",
      "system: data/system.db, 1 applied",
      "content: data/content.db, 1 applied",
      "later: data/later.db, not there yet",
      "log: l.db, copied, never migrated",
    ]);
    expect(readdirSync(join(app.root, "shared", "data"))).not.toContain("later.db");
  });

  it("refuses migrations below a shared path, where every release would see the same", async () => {
    using other = testApp({ databases: { core: { file: "data/core.db", migrations: "data/drizzle" } } });
    await expect(other.link(other.release({}))).rejects.toMatchObject({ code: "ERR_MIGRATIONS_SHARED", exitCode: 2 });
  });
});

function pluginOf(options: DrizzleOptions): Plugin {
  return drizzle(options).factory(options as never);
}

function inAll(files: Readonly<Record<string, string>>): Record<string, Readonly<Record<string, string>>> {
  return Object.fromEntries(DATABASES.map((name) => [`drizzle/${name}`, files]));
}

function insert(name: string, user: string): void {
  const db = app.open(name);
  db.prepare("INSERT INTO users (name) VALUES (?)").run(user);
  db.close();
}

function columns(name: string): unknown[] {
  return query(app.livePath(name), "SELECT name FROM pragma_table_info('users')").map(
    (row) => (row as { name: string }).name,
  );
}

function query(path: string, sql: string): unknown[] {
  const db = new Database(path, { fileMustExist: true });
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}
