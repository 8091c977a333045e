import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testApp } from "./testing/test-app.ts";

const INIT = { "0000_init": "CREATE TABLE users (id integer PRIMARY KEY);" };
const SKU = { ...INIT, "0001_sku": "ALTER TABLE users ADD sku text;" };

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "absolute-"));
  file = join(directory, "core.db");
  const db = new Database(file);
  db.pragma("journal_mode = WAL");
  db.exec("CREATE TABLE kept (x); INSERT INTO kept VALUES (7)");
  db.close();
});
afterEach(() => rmSync(directory, { recursive: true }));

function columns(path: string): unknown[] {
  const db = new Database(path, { fileMustExist: true });
  try {
    return db.prepare("SELECT name FROM pragma_table_info('users')").pluck().all();
  } finally {
    db.close();
  }
}

describe("a database by absolute path", () => {
  it("has a migrated copy in the release, which its variable names; the live one waits for the commit", async () => {
    using app = testApp({ databases: { core: { file, migrations: "drizzle/core", env: "CORE_DB" } } });
    const release = app.release({ "drizzle/core": SKU });
    await app.link(release);
    const copy = app.besideEnv.CORE_DB!;
    expect(copy.startsWith(`${release.path}/`)).toBe(true);
    expect(columns(copy)).toEqual(["id", "sku"]);
    expect(app.copiedBeside).toEqual([{ name: file, live: file, copy }]);
    expect(columns(file)).toEqual([]);
    await app.migrate(release);
    expect(columns(file)).toEqual(["id", "sku"]);
  });

  it("stops the run without a variable and with migrations pending, and says how to name one", async () => {
    using app = testApp({ databases: { "my-core": { file, migrations: "drizzle/core" } } });
    await expect(app.link(app.release({ "drizzle/core": INIT }))).rejects.toMatchObject({
      code: "ERR_DATABASE_ENV_MISSING",
      exitCode: 2,
      hint: expect.stringContaining('env: "MY_CORE_DB"'),
    });
    expect(columns(file)).toEqual([]);
  });

  it("without a variable and with nothing pending is live for build and trial, which is told", async () => {
    using app = testApp({ databases: { core: { file } } });
    await app.link(app.release({}));
    expect(app.warnings).toEqual([expect.stringContaining("build and trial see the live database")]);
    expect(existsSync(`${file}-journal`)).toBe(false);
  });
});
