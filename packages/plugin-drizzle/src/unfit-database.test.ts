import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inAll, journalStates, leftovers, migratedApp, SKU, START, states } from "./testing/migrated-app.ts";
import { DATABASES, type TestApp } from "./testing/test-app.ts";
import { lostWrites, startWriters, troubleOf } from "./testing/writers.ts";

let app: TestApp;
let path: string;
beforeEach(async () => {
  app = migratedApp();
  path = app.livePath("content");
  // Deployed once: this database has been seen.
  await app.deploy(app.release(inAll(START)));
});
afterEach(() => app[Symbol.dispose]());

describe("the third of three databases, unfit when the next release comes", () => {
  it.each<[string, () => void, code: string]>([
    ["missing", () => undefined, "ERR_DATABASE_MISSING"],
    ["a link that leads nowhere", () => symlinkSync("/nowhere/content.db", path), "ERR_DATABASE_UNREADABLE"],
    ["a link that leads to itself", () => symlinkSync(path, path), "ERR_DATABASE_UNREADABLE"],
    ["a directory", () => mkdirSync(path), "ERR_DATABASE_UNREADABLE"],
    ["an empty file", () => writeFileSync(path, ""), "ERR_DATABASE_EMPTY"],
    ["a text", () => writeFileSync(path, "text ".repeat(1_000)), "ERR_DATABASE_DAMAGED"],
    ["truncated", () => truncateSync(copied(), 6_000), "ERR_DATABASE_DAMAGED"],
    ["damaged in one page", () => damagePage(copied()), "ERR_DATABASE_DAMAGED"],
    ["with an index that lacks an entry", () => copied() && falsify("(name) WHERE id <> 1"), "ERR_DATABASE_DAMAGED"],
    ["read-only", () => chmodSync(copied(), 0o444), "ERR_DATABASE_READ_ONLY"],
    ["not in WAL mode", () => inJournalMode(copied(), "DELETE"), "ERR_DATABASE_NOT_WAL"],
    ["hard-linked", () => linkSync(copied(), join(app.root, "other-name")), "ERR_DATABASE_HARD_LINKED"],
    ["the second one by another name", () => symlinkSync(app.livePath("system"), path), "ERR_DATABASE_TWICE"],
  ])(
    "%s: stops the run with its own error and touches nothing; put right, all are migrated",
    async (_, spoil, code) => {
      await using writers = await startWriters([app.livePath("core"), app.livePath("system")], { rate: 50 });
      renameSync(path, join(app.root, "whole.db"));
      spoil();
      const before = looks();
      await expect(app.link(app.release(inAll(SKU)))).rejects.toMatchObject({
        code,
        exitCode: 2,
        message: expect.stringContaining("content"),
      });
      expect([looks(), states(app, ["core", "system"]), journalStates(app)]).toEqual([before, ["old", "old"], []]);

      for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { recursive: true, force: true });
      rmSync(join(app.root, "other-name"), { force: true });
      renameSync(join(app.root, "whole.db"), path);
      await app.deploy(app.release(inAll(SKU)));
      const written = await writers.stop();
      expect(written.map((each) => [each.errors, lostWrites(each)])).toEqual(Array(2).fill([{}, 0]));
      expect([states(app), leftovers(app)]).toEqual([["new", "new", "new"], []]);
    },
  );

  it("with its directory gone, neither is made", async () => {
    const directory = dirname(path);
    renameSync(directory, join(app.root, "unmounted"));
    await expect(app.link(app.release(inAll(SKU)))).rejects.toMatchObject({
      code: "ERR_DATABASE_MISSING",
      exitCode: 2,
    });
    expect(existsSync(directory)).toBe(false);
    renameSync(join(app.root, "unmounted"), directory);
    await app.deploy(app.release(inAll(SKU)));
    expect(states(app)).toEqual(["new", "new", "new"]);
  });
});

describe("an index with as many entries as rows, but wrong ones", () => {
  const NAMED = { ...START, "0001_named": "UPDATE users SET name = 'new ' || name;" };
  const wrong = "row 1 missing from index by_name";

  // The check of a copy is quick_check, which counts the entries of an index and does not compare them.
  it("is seen by integrity_check only: migrations that do not use it are run, and it stays as it is", async () => {
    await using writers = await startWriters(DATABASES.map(app.livePath), { rate: 50 });
    falsify("(v)");
    expect([checked("quick_check"), checked("integrity_check")]).toEqual(["ok", wrong]);
    await app.deploy(app.release(inAll(SKU)));
    expect([states(app, ["core", "system"]), checked("integrity_check")]).toEqual([["new", "new"], wrong]);
    reindex();
    await app.deploy(app.release(inAll(SKU)));
    expect([await troubleOf(writers), states(app), leftovers(app)]).toEqual([[], ["new", "new", "new"], []]);
  });

  it("stops a migration that needs its entries on the copy; with the index made anew, all are migrated", async () => {
    await using writers = await startWriters(DATABASES.map(app.livePath), { rate: 50 });
    falsify("(v)");
    await expect(app.link(app.release(inAll(NAMED)))).rejects.toMatchObject({
      code: "ERR_MIGRATION_FAILED",
      details: { database: "content", on: "a copy", sqlite: "SQLITE_CORRUPT_INDEX" },
    });
    expect([states(app, ["core", "system"]), journalStates(app)]).toEqual([["old", "old"], []]);
    reindex();
    await app.deploy(app.release(inAll(NAMED)));
    expect([await troubleOf(writers), checked("integrity_check"), leftovers(app)]).toEqual([[], "ok", []]);
    expect(app.migrated).toEqual({ core: ["0001_named"], system: ["0001_named"], content: ["0001_named"] });
  });
});

/** Gives the database an index of names whose entries were made by another definition. */
function falsify(definition: string): void {
  const db = app.open("content");
  db.unsafeMode().exec(
    `CREATE INDEX by_name ON users ${definition}; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX by_name ON users (name)' WHERE name = 'by_name'; PRAGMA writable_schema = RESET`,
  );
  db.close();
}

function reindex(): void {
  const db = app.open("content");
  db.exec("REINDEX by_name");
  db.close();
}

function checked(how: "quick_check" | "integrity_check"): unknown {
  const db = app.open("content");
  try {
    return db.pragma(how, { simple: true });
  } finally {
    db.close();
  }
}

/** A whole database in its place, apart from the one that is put back later. */
function copied(): string {
  writeFileSync(path, readFileSync(join(app.root, "whole.db")));
  return path;
}

function inJournalMode(file: string, mode: string): void {
  const db = new Database(file);
  db.pragma(`journal_mode = ${mode}`);
  db.close();
}

function damagePage(file: string): void {
  const db = app.open("content");
  db.exec("CREATE TABLE big AS SELECT randomblob(100000) AS x; PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
  const handle = openSync(file, "r+");
  const { size } = statSync(file);
  // The last but one page of the chain that holds the blob.
  writeSync(handle, Buffer.alloc(4_096, 0xff), 0, 4_096, size - 8_192);
  closeSync(handle);
}

/** What lies in the place, and all that lies beside it but the files that SQLite makes for any reader. */
function looks(): unknown {
  const stat = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  const names = readdirSync(dirname(path)).filter((name) => !/-(wal|shm)$/.test(name));
  return {
    names,
    content: stat?.isFile() ? [stat.ino, createHash("sha256").update(readFileSync(path)).digest("hex")] : null,
  };
}
