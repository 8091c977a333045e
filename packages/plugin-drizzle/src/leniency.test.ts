import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { testApp } from "./testing/test-app.ts";

const databases = { core: { file: "data/core.db", migrations: "drizzle/core" } };
const INIT = { "0000_init": { when: 1_000, sql: "CREATE TABLE users (id integer PRIMARY KEY);" } };
const NEWER = { ...INIT, "0001_b": { when: 3_000, sql: "CREATE TABLE b (x);" } };
const LATE = { ...NEWER, "0001_a": { when: 2_000, sql: "CREATE TABLE a (x);" } };

it("a migration older than what is applied runs with outOfOrder: apply, and that is told", async () => {
  using app = testApp({ databases, outOfOrder: "apply" });
  await app.deploy(app.release({ "drizzle/core": NEWER }));
  await app.deploy(app.release({ "drizzle/core": LATE }));
  expect(app.migrated.core).toEqual(["0001_a"]);
  expect(app.warnings).toEqual([expect.stringMatching(/0001_a is older than what is applied/)]);
});

it("an app that changes its schema by itself passes with selfMigrates, and that is told", async () => {
  using app = testApp({ databases, selfMigrates: true });
  const release = app.release({ "drizzle/core": INIT });
  await app.link(release);
  const copy = new Database(app.copyPath(release, "core"));
  copy.exec("CREATE TABLE by_itself (x)");
  copy.close();
  await app.settle(release);
  await app.migrate(release);
  expect(app.warnings).toEqual([expect.stringMatching(/table by_itself\), as `selfMigrates` allows/)]);
});
