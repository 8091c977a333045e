import { chmodSync, linkSync, mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TestApp, testApp } from "./testing/test-app.ts";

const USERS = { "0000_init": "CREATE TABLE users (id integer PRIMARY KEY, name text);" };

const ONE = { databases: { core: { file: "data/core.db", migrations: "drizzle/core" } } };

let app: TestApp;
beforeEach(() => {
  app = testApp(ONE);
});
afterEach(() => app[Symbol.dispose]());

describe("a live database that is not fit", () => {
  it.each([
    ["an empty file", () => writeFileSync(app.livePath("core"), ""), "ERR_DATABASE_EMPTY"],
    [
      "a file that is no database",
      () => writeFileSync(app.livePath("core"), "text ".repeat(1_000)),
      "ERR_DATABASE_DAMAGED",
    ],
    ["a truncated database", truncated, "ERR_DATABASE_DAMAGED"],
    ["a directory", () => mkdirSync(app.livePath("core")), "ERR_DATABASE_UNREADABLE"],
    [
      "a link that leads nowhere",
      () => symlinkSync("/nowhere/core.db", app.livePath("core")),
      "ERR_DATABASE_UNREADABLE",
    ],
    ["a hard-linked file", () => linkSync(database(), `${app.livePath("core")}.other`), "ERR_DATABASE_HARD_LINKED"],
    ["a read-only file", () => chmodSync(database(), 0o444), "ERR_DATABASE_READ_ONLY"],
  ])("stops the run before anything is touched: %s", async (_, prepare, code) => {
    prepare();
    const before = readdirSync(dirname(app.livePath("core")));
    await expect(app.link(app.release({ "drizzle/core": USERS }))).rejects.toMatchObject({ code, exitCode: 2 });
    expect(readdirSync(dirname(app.livePath("core"))).filter((name) => !/-(wal|shm)$/.test(name))).toEqual(before);
  });

  it("stops the run when two names lead to one file", async () => {
    using other = testApp({ databases: { core: { file: "data/core.db" }, main: { file: "data/main.db" } } });
    other.open("core").exec("CREATE TABLE t (x)").close();
    symlinkSync("core.db", other.livePath("main"));
    await expect(other.link(other.release({}))).rejects.toMatchObject({ code: "ERR_DATABASE_TWICE", exitCode: 2 });
  });

  it("stops the run when a damaged page turns up while it is copied", async () => {
    const db = new Database(database());
    db.exec("CREATE TABLE big (x)");
    for (let row = 0; row < 200; row += 1) db.prepare("INSERT INTO big VALUES (?)").run("x".repeat(2_000));
    const pages = Number(db.pragma("page_count", { simple: true }));
    const size = Number(db.pragma("page_size", { simple: true }));
    db.pragma("wal_checkpoint(TRUNCATE)");
    db.close();
    await overwrite(app.livePath("core"), Math.floor(pages / 2) * size, size);
    await expect(app.link(app.release({ "drizzle/core": USERS }))).rejects.toMatchObject({
      code: "ERR_DATABASE_DAMAGED",
      details: { database: "core" },
    });
  });
});

describe("a live database that is fit", () => {
  it("may be reached through a link, and is locked by its real path", async () => {
    mkdirSync(join(app.root, "volume"));
    const db = new Database(join(app.root, "volume", "core.db"));
    db.pragma("journal_mode = WAL");
    db.exec("CREATE TABLE users (id integer PRIMARY KEY, name text)");
    db.close();
    symlinkSync(join(app.root, "volume", "core.db"), app.livePath("core"));
    await app.deploy(app.release({ "drizzle/core": { "0000_sku": "ALTER TABLE users ADD sku text;" } }));
    expect(app.migrated).toEqual({ core: ["0000_sku"] });
    expect(readdirSync(dirname(app.livePath("core")))).toEqual(["core.db"]);
  });

  it("that is not in WAL mode is migrated in maintenance only", async () => {
    const inJournalMode = (one: TestApp): void =>
      void new Database(one.livePath("core")).exec("CREATE TABLE t (x)").close();
    inJournalMode(app);
    await expect(app.deploy(app.release({ "drizzle/core": USERS }))).rejects.toMatchObject({
      code: "ERR_DATABASE_NOT_WAL",
      exitCode: 2,
    });
    using idle = testApp({ ...ONE, maintenance: true });
    inJournalMode(idle);
    await idle.deploy(idle.release({ "drizzle/core": USERS }));
    expect(idle.migrated).toEqual({ core: ["0000_init"] });
  });
});

function database(): string {
  app.open("core").exec("CREATE TABLE t (x)").close();
  return app.livePath("core");
}

function truncated(): void {
  truncateSync(database(), 1_000);
}

async function overwrite(path: string, offset: number, length: number): Promise<void> {
  const { open } = await import("node:fs/promises");
  const file = await open(path, "r+");
  await file.write(Buffer.alloc(length, 0xff), 0, length, offset);
  await file.close();
}
