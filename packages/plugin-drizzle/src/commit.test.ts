import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commitAll, commitOrder } from "./commit.ts";
import type { HeldDatabase } from "./held-transactions.ts";

let folder: string;
let open: Database.Database[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "drizzle-commit-"));
  open = [];
});
afterEach(() => {
  for (const db of open) db.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("order of the COMMITs", () => {
  it("puts databases that are not in WAL mode first, then those with the most to write", () => {
    const [small, big, old] = [held("small", "wal"), held("big", "wal"), held("old", "delete")];
    for (const { connection } of [small, big, old]) connection.exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
    big.connection.exec("INSERT INTO t SELECT randomblob(3000000)");
    expect(commitOrder([small, big, old]).map(({ database }) => database.name)).toEqual(["old", "big", "small"]);
  });
});

describe("a COMMIT after the first", () => {
  it("is tried again after what was rolled back ran once more", () => {
    const { first, second, reader } = secondFails();
    let runs = 0;
    const outcome = commitAll([first, second], {
      redo({ connection }) {
        runs += 1;
        reader.close();
        connection.exec("INSERT INTO t VALUES (2)");
      },
      onCommitted: () => undefined,
    });
    expect([outcome.failed, runs]).toEqual([undefined, 1]);
    expect(second.connection.prepare("SELECT x FROM t").all()).toEqual([{ x: 2 }]);
  });

  it("is given up after three more tries, with the transaction ended", () => {
    const { first, second } = secondFails();
    let runs = 0;
    const committed: string[] = [];
    const outcome = commitAll([first, second], {
      redo: () => {
        runs += 1;
      },
      onCommitted: ({ database }) => void committed.push(database.name),
    });
    expect(outcome.failed).toMatchObject({ held: second, error: { code: "SQLITE_BUSY" } });
    expect([committed, runs, second.connection.inTransaction]).toEqual([["first"], 3, false]);
  });
});

/** Two open transactions, of which the second cannot commit while `reader` reads. */
function secondFails(): { first: HeldDatabase; second: HeldDatabase; reader: Database.Database } {
  const first = held("first", "delete");
  first.connection.exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
  const second = held("second", "delete");
  const reader = new Database(second.database.live.path);
  open.push(reader);
  reader.exec("BEGIN");
  reader.prepare("SELECT * FROM t").all();
  second.connection.exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
  // Told as WAL, so that it comes after the first.
  return { first, second: { ...second, database: database("second", second.database.live.path, "wal") }, reader };
}

function held(name: string, journalMode: string): HeldDatabase {
  const path = join(folder, `${name}.db`);
  const connection = new Database(path);
  open.push(connection);
  connection.pragma(`journal_mode = ${journalMode}`);
  connection.pragma("cache_size = 10");
  connection.exec("CREATE TABLE t (x)");
  if (journalMode === "wal") connection.pragma("wal_checkpoint(TRUNCATE)");
  return { database: database(name, path, journalMode), connection };
}

function database(name: string, path: string, journalMode: string): HeldDatabase["database"] {
  return { name, path, live: { path, journalMode }, pending: [] } as unknown as HeldDatabase["database"];
}
