import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { DATABASES, testApp } from "./testing/test-app.ts";

const KILLED_RUN = fileURLToPath(new URL("./testing/killed-run.ts", import.meta.url));
const USERS = { "0000_init": "CREATE TABLE users (id integer PRIMARY KEY);" };
const SKU = { ...USERS, "0001_sku": "ALTER TABLE users ADD sku text;" };

it("after a SIGKILL between two COMMITs each database is whole and free, and the next run applies the rest", async () => {
  using app = testApp();
  await app.deploy(app.release(inAll(USERS)));
  const killed = spawnSync(process.execPath, [KILLED_RUN, app.root], {
    encoding: "utf8",
  });
  expect(killed.signal, killed.stderr).toBe("SIGKILL");
  expect(DATABASES.map((name) => state(app.livePath(name))).sort()).toEqual(["new", "old", "old"]);

  await app.recover();
  for (const name of DATABASES) delete app.migrated[name];
  await app.deploy(app.release(inAll(SKU)));
  expect(DATABASES.map((name) => state(app.livePath(name)))).toEqual(["new", "new", "new"]);
  expect(Object.values(app.migrated)).toEqual([["0001_sku"], ["0001_sku"]]);
});

/** Whether schema and drizzle's rows agree on which it is. */
function state(path: string): string {
  const db = new Database(path, { timeout: 0 });
  try {
    db.exec("BEGIN IMMEDIATE; ROLLBACK");
    expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
    const columns = db.prepare("SELECT count(*) AS n FROM pragma_table_info('users')").get();
    const rows = db.prepare("SELECT count(*) AS n FROM __drizzle_migrations").get();
    expect(columns).toEqual(rows);
    return (rows as { n: number }).n === 2 ? "new" : "old";
  } finally {
    db.close();
  }
}

function inAll(files: Readonly<Record<string, string>>): Record<string, Readonly<Record<string, string>>> {
  return Object.fromEntries(DATABASES.map((name) => [`drizzle/${name}`, files]));
}
