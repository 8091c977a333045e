import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeFileSystem } from "@deployer/core";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readMigrationsFolder } from "./migrations-folder.ts";
import { writeMigrations } from "./testing/test-app.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "drizzle-folder-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (): ReturnType<typeof readMigrationsFolder> => readMigrationsFolder(folder, nodeFileSystem);

describe("migrations folder", () => {
  it("gives each migration the hash and the time that drizzle-orm gives it", async () => {
    writeMigrations(folder, { "0000_init": "CREATE TABLE a (x);\r\n-- ü", "0001_bom": "\uFEFFSELECT 1;" });
    const drizzle = readMigrationFiles({ migrationsFolder: folder }).map(({ hash, folderMillis }) => ({
      hash,
      when: folderMillis,
    }));
    expect((await read()).map(({ hash, when }) => ({ hash, when }))).toEqual(drizzle);
  });

  it("keeps the journal's order", async () => {
    writeMigrations(folder, { "0001_b": { when: 2, sql: "SELECT 1;" }, "0000_a": { when: 1, sql: "SELECT 1;" } });
    expect((await read()).map(({ tag }) => tag)).toEqual(["0001_b", "0000_a"]);
  });

  it("reads a journal with a BOM", async () => {
    mkdirSync(join(folder, "meta"));
    writeFileSync(join(folder, "meta", "_journal.json"), '\uFEFF{"entries":[]}');
    expect(await read()).toEqual([]);
  });

  it.each([
    ["a missing folder", () => rmSync(folder, { recursive: true }), /does not exist in the release/],
    ["a folder without a journal", () => undefined, /has neither meta\/_journal.json nor/],
    ["a folder of drizzle-kit 1.0 without a time", () => newKind("init"), /does not begin with its time: init/],
    [
      "a snapshot with conflict marks",
      () => {
        newKind();
        writeFileSync(join(folder, "20260101000000_init", "snapshot.json"), "<<<<<<< HEAD");
      },
      /20260101000000_init\/snapshot.json that cannot be read/,
    ],
    [
      "migrations of both kinds",
      () => {
        newKind();
        writeMigrations(folder, {});
      },
      /two kinds.*20260101000000_init/,
    ],
    ["a journal with conflict marks", () => brokenJournal("<<<<<<< HEAD"), /cannot be read/],
    [
      "a journal of another shape",
      () => brokenJournal('{"entries":[{"tag":"../../etc/passwd","when":1}]}'),
      /cannot be read/,
    ],
    [
      "a missing file",
      () => {
        writeMigrations(folder, { "0000_init": "SELECT 1;" });
        rmSync(join(folder, "0000_init.sql"));
      },
      /lacks 0000_init.sql/,
    ],
  ])("refuses %s", async (_, prepare, message) => {
    prepare();
    await expect(read()).rejects.toMatchObject({
      code: "ERR_MIGRATIONS_FOLDER",
      exitCode: 4,
      message: expect.stringMatching(message),
    });
  });
});

function newKind(name = "20260101000000_init"): void {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, "migration.sql"), "SELECT 1;");
}

function brokenJournal(text: string): void {
  mkdirSync(join(folder, "meta"));
  writeFileSync(join(folder, "meta", "_journal.json"), text);
}
