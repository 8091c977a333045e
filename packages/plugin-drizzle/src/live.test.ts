import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fault } from "./testing/fault.ts";
import { inAll, leftovers, migratedApp, SKU, START, states, until } from "./testing/migrated-app.ts";
import { DATABASES, type TestApp } from "./testing/test-app.ts";
import { lostWrites, startWriters } from "./testing/writers.ts";

const OLD = ["old", "old", "old"];
const NEW = ["new", "new", "new"];

let app: TestApp;
beforeEach(() => {
  app = migratedApp();
});
afterEach(() => app[Symbol.dispose]());

function files(): string[] {
  return DATABASES.map((name) => app.livePath(name));
}

describe("an app that writes to all databases meanwhile", () => {
  it("with immediate transactions meets no error and loses no write", async () => {
    await using writers = await startWriters(files(), { rate: 300 });
    await app.deploy(app.release(inAll(SKU)));
    const written = await writers.stop();
    expect(written.map((each) => [each.errors, lostWrites(each)])).toEqual(Array(3).fill([{}, 0]));
    expect(states(app)).toEqual(NEW);
  });

  it("nor when the third database fails under the lock", async () => {
    await using writers = await startWriters(files(), { rate: 300 });
    const release = app.release(inAll(SKU));
    await app.link(release);
    const { context } = app;
    const given = { on: "run", matching: "UPDATE", nth: 3, act: "fail", code: "SQLITE_FULL" } as const;
    app.context = { ...context, env: { ...context.env, ...fault(given) } };
    await expect(app.migrate(release)).rejects.toMatchObject({ code: "ERR_MIGRATION_FAILED" });
    expect(states(app)).toEqual(OLD);
    app.context = context;
    await app.deploy(app.release(inAll(SKU)));
    const written = await writers.stop();
    expect(written.map((each) => [each.errors, lostWrites(each)])).toEqual(Array(3).fill([{}, 0]));
    expect([states(app), leftovers(app)]).toEqual([NEW, []]);
  });

  it("with deferred transactions is refused at most while the lock is held, and loses no write", async () => {
    await using writers = await startWriters(files(), { rate: 300, behaviour: "deferred" });
    const release = app.release(inAll(SKU));
    await app.link(release);
    expect((await writers.look()).map(({ errors }) => errors)).toEqual([{}, {}, {}]);
    await app.migrate(release);
    const after = await writers.look();
    for (const { errors } of after)
      expect(Object.keys(errors).every((code) => code.startsWith("SQLITE_BUSY"))).toBe(true);
    const written = await writers.stop();
    expect(written.map(({ errors }) => errors)).toEqual(after.map(({ errors }) => errors));
    expect(written.map(lostWrites)).toEqual([0, 0, 0]);
    expect(app.infos.at(-1)).toMatch(/locked for \d+ ms/);
  });

  it("and locks them in the opposite order never waits for ever", async () => {
    const script = fileURLToPath(new URL("./testing/opposite-locker.ts", import.meta.url));
    const locker = fork(script, [app.livePath("content"), app.livePath("core")], { execArgv: [] });
    await once(locker, "message");
    await app.deploy(app.release(inAll(SKU)));
    const answer = once(locker, "message");
    locker.send("stop");
    const [writes] = (await answer) as [number];
    expect(writes).toBeGreaterThan(0);
    expect(states(app)).toEqual(NEW);
  });

  it("and closes its last connection during the lock leaves nothing undone", async () => {
    const file = join(app.root, "stopped");
    const connections = DATABASES.map((name) => app.open(name));
    for (const db of connections) db.exec("INSERT INTO users (name) VALUES ('late')");
    const release = app.release(inAll(SKU));
    await app.link(release);
    const given = { on: "prepare", matching: "ALTER TABLE", nth: 2, act: "stop", file } as const;
    app.context = { ...app.context, env: { ...app.context.env, ...fault(given) } };
    const migrating = app.migrate(release);
    await until(() => isWritten(file));
    for (const db of connections) db.close();
    writeFileSync(`${file}.go`, "");
    await migrating;
    expect([states(app), files().map(hasLateUser)]).toEqual([NEW, [true, true, true]]);
  });

  it("and is restarted during the lock loses no write of before, and those of after wait for their turn", async () => {
    const file = join(app.root, "stopped");
    const connections = DATABASES.map((name) => app.open(name));
    for (const db of connections)
      db.exec("CREATE TABLE written (n integer PRIMARY KEY, at text); INSERT INTO users (name) VALUES ('late')");
    const release = app.release(inAll(SKU));
    await app.link(release);
    const { context } = app;
    const given = { on: "prepare", matching: "ALTER TABLE", nth: 3, act: "stop", file } as const;
    app.context = { ...context, env: { ...context.env, ...fault(given) } };
    const migrating = app.migrate(release);
    await until(() => isWritten(file));
    for (const db of connections) db.close();
    await using restarted = await startWriters(files(), { rate: 50 });
    writeFileSync(`${file}.go`, "");
    await migrating;
    app.context = context;
    await app.deploy(app.release(inAll(SKU)));
    const written = await restarted.stop();
    expect(written.map((each) => [each.errors, lostWrites(each)])).toEqual(Array(3).fill([{}, 0]));
    expect([states(app), leftovers(app), files().map(hasLateUser)]).toEqual([NEW, [], [true, true, true]]);
  });
});

describe("while the first database is migrated", () => {
  it("the others can be written; if they are busy at their turn, all are given back and then locked together", async () => {
    const file = join(app.root, "stopped");
    const release = app.release(inAll(SKU));
    await app.link(release);
    const given = { on: "prepare", matching: "ALTER TABLE", act: "stop", file } as const;
    app.context = { ...app.context, env: { ...app.context.env, ...fault(given) } };
    const migrating = app.migrate(release);
    await until(() => isWritten(file));
    const connections = DATABASES.map((name) => app.open(name));
    const locked = connections.filter((db) => !begins(db));
    expect(locked).toHaveLength(1);
    writeFileSync(`${file}.go`, "");
    await until(() => locked.every(begins));
    for (const db of connections) {
      db.exec("INSERT INTO users (name) VALUES ('late'); COMMIT");
      db.close();
    }
    await migrating;
    expect(states(app)).toEqual(NEW);
    const snapshots = join(app.context.paths.snapshots, app.context.run.id);
    expect(DATABASES.map((name) => hasLateUser(join(snapshots, `${name}.db`)))).toEqual([true, true, true]);
  });
});

describe("a database", () => {
  it("whose link was pointed elsewhere between plan and lock stops the run, all as before; a rerun takes it", async () => {
    await using writers = await startWriters([app.livePath("core"), app.livePath("system")], { rate: 50 });
    const path = app.livePath("content");
    renameSync(path, join(app.root, "one.db"));
    symlinkSync(join(app.root, "one.db"), path);
    const release = app.release(inAll(SKU));
    await app.link(release);
    const db = app.open("content");
    db.prepare("VACUUM INTO ?").run(join(app.root, "two.db"));
    db.close();
    renameSync(path, join(app.root, "old-link"));
    symlinkSync(join(app.root, "two.db"), path);
    app.open("content").close(); // a copy is not in WAL mode until the app opens it
    await expect(app.migrate(release)).rejects.toMatchObject({
      code: "ERR_DATABASE_CHANGED",
      details: { database: "content", changed: ["the file itself"] },
    });
    expect(states(app)).toEqual(OLD);
    await app.deploy(app.release(inAll(SKU)));
    const written = await writers.stop();
    expect(written.map((each) => [each.errors, lostWrites(each)])).toEqual(Array(2).fill([{}, 0]));
    expect([states(app), leftovers(app)]).toEqual([NEW, []]);
  });

  it("that the app keeps locked for itself (locking_mode=EXCLUSIVE) stops the run with the reason", async () => {
    const db = app.open("core");
    db.pragma("locking_mode = EXCLUSIVE");
    db.exec("INSERT INTO users (name) VALUES ('mine')");
    await expect(app.link(app.release(inAll(SKU)))).rejects.toMatchObject({ code: "ERR_DATABASE_BUSY", mayPass: true });
    db.close();
  });

  it("is not locked when its migrations take too long on the copy, unless it is maintenance", async () => {
    const slow = {
      ...START,
      "0001_slow":
        "CREATE TABLE slow AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000) SELECT x FROM n;",
    };
    app[Symbol.dispose]();
    const databases = Object.fromEntries(
      DATABASES.map((name) => [name, { file: `data/${name}.db`, migrations: `drizzle/${name}` }]),
    );
    app = migratedApp({ databases, maxLockMs: 50 });
    await expect(app.link(app.release(inAll(slow)))).rejects.toMatchObject({
      code: "ERR_LOCK_TOO_LONG",
      exitCode: 4,
      mayPass: false,
    });
    expect(states(app)).toEqual(OLD);
    app[Symbol.dispose]();
    app = migratedApp({ databases, maxLockMs: 50, maintenance: true });
    await app.deploy(app.release(inAll(slow)));
    expect(app.migrated.core).toEqual(["0001_slow"]);
  });
});

function isWritten(path: string): boolean {
  try {
    return readFileSync(path, "utf8") !== "";
  } catch {
    return false;
  }
}

function begins(db: Database.Database): boolean {
  try {
    db.pragma("busy_timeout = 0");
    db.exec("BEGIN IMMEDIATE");
    return true;
  } catch {
    return false;
  }
}

function hasLateUser(path: string): boolean {
  const db = new Database(path, { fileMustExist: true });
  try {
    return db.prepare("SELECT 1 FROM users WHERE name = 'late'").get() !== undefined;
  } finally {
    db.close();
  }
}

describe("an app with functions of its own", () => {
  const slug = { ...START, "0001_slug": "ALTER TABLE users ADD slug text; UPDATE users SET slug = slugify(name);" };
  const databases = Object.fromEntries(
    DATABASES.map((name) => [name, { file: `data/${name}.db`, migrations: `drizzle/${name}` }]),
  );

  it("has them in rehearsal, commit and new databases, by a module of the release", async () => {
    app[Symbol.dispose]();
    app = migratedApp({ databases, setup: "db/setup.mjs" });
    renameSync(app.livePath("content"), join(app.root, "away.db"));
    const release = app.release(inAll(slug));
    mkdirSync(join(release.path, "db"));
    writeFileSync(
      join(release.path, "db/setup.mjs"),
      'export default (db, name) => db.function("slugify", (text) => name + "-" + text.replace(" ", "-"));',
    );
    await app.deploy(release);
    const db = app.open("core");
    expect(db.prepare("SELECT slug FROM users WHERE id = 1").pluck().get()).toBe("core-row-1");
    db.close();
    expect(app.migrated.content).toEqual(["0000_init", "0001_slug"]);
    expect(app.warnings.filter((text) => /running release is not known/.test(text))).toEqual([]);
  });

  it("is told before any lock when the module cannot be loaded, or when there is none", async () => {
    await expect(app.link(app.release(inAll(slug)))).rejects.toMatchObject({
      code: "ERR_MIGRATION_FAILED",
      message: expect.stringMatching(/no such function: slugify/),
    });
    app[Symbol.dispose]();
    app = migratedApp({ databases, setup: "db/setup.mjs" });
    await expect(app.link(app.release(inAll(slug)))).rejects.toMatchObject({
      code: "ERR_MIGRATION_FAILED",
      message: expect.stringMatching(/setup module .* cannot be loaded/),
    });
  });

  it.each([
    ["ends its process", "process.exit(0)", "ERR_MIGRATION_FAILED", /setup module .* ended with exit code 0/],
    ["kills it", 'process.kill(process.pid, "SIGKILL")', "ERR_MIGRATION_DIED", /ended by SIGKILL/],
    [
      "leaves a rejection",
      'Promise.reject(new Error("nobody waits")); await new Promise(setImmediate)',
      "ERR_MIGRATION_FAILED",
      /nobody waits/,
    ],
  ])("never runs in the deployer: one that %s stops this run and no more", async (_what, act, code, message) => {
    app[Symbol.dispose]();
    app = migratedApp({ databases, setup: "db/setup.mjs" });
    const release = app.release(inAll(SKU));
    mkdirSync(join(release.path, "db"));
    writeFileSync(join(release.path, "db/setup.mjs"), `globalThis.wasHere = true; ${act}; export default () => {};`);
    await expect(app.link(release)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(globalThis).not.toHaveProperty("wasHere");
  });
});
