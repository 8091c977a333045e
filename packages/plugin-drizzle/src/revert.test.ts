import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type MigrationFiles, type TestApp, testApp } from "./testing/test-app.ts";

const USERS = { "0000_init": "CREATE TABLE users (id integer PRIMARY KEY, name text);" };
const SKU = { ...USERS, "0001_sku": "ALTER TABLE users ADD sku text;" };

let app: TestApp;
beforeEach(() => {
  app = testApp({ databases: { core: { file: "data/core.db", migrations: "drizzle/core" } } });
});
afterEach(() => app[Symbol.dispose]());

const release = (files: MigrationFiles): ReturnType<TestApp["release"]> => app.release({ "drizzle/core": files });

describe("a release that lacks applied migrations", () => {
  it("may be deployed when this deployer committed them, and they are told by name", async () => {
    await app.deploy(release(SKU));
    await app.deploy(release(USERS));
    expect(app.warnings).toEqual([expect.stringMatching(/0001_sku stays applied/)]);
  });

  it("stops when they are of unknown origin", async () => {
    await app.deploy(release(SKU));
    app.stored.clear();
    await expect(app.link(release(USERS))).rejects.toMatchObject({
      code: "ERR_DATABASE_AHEAD",
      exitCode: 4,
      details: { database: "core", unknown: [{ hash: expect.any(String), when: 1_700_000_001_000 }] },
    });
  });

  it("may bring new ones, if they are newer than those that it lacks", async () => {
    await app.deploy(release(SKU));
    await app.deploy(release({ ...USERS, "0001_tags": { when: 1_700_000_009_000, sql: "CREATE TABLE tags (x);" } }));
    expect(app.migrated.core).toEqual(["0001_tags"]);
    await expect(
      app.link(release({ ...USERS, "0001_old": { when: 1_700_000_005_000, sql: "CREATE TABLE old (x);" } })),
    ).rejects.toMatchObject({ code: "ERR_MIGRATION_OUT_OF_ORDER", details: { migrations: ["0001_old"] } });
  });
});

describe("a release whose migrations do not fit what is applied", () => {
  it("stops at an edited one", async () => {
    await app.deploy(release(USERS));
    await expect(app.link(release({ "0000_init": "CREATE TABLE other (x);" }))).rejects.toMatchObject({
      code: "ERR_MIGRATION_EDITED",
      exitCode: 4,
      details: { database: "core", migrations: ["0000_init"] },
    });
  });
});

describe("a rollback", () => {
  it("is free to a release that knows everything that is applied", async () => {
    const first = release(USERS);
    await app.deploy(first);
    await app.deploy(release(USERS));
    await app.rollback(first);
    expect(app.warnings).toEqual([]);
  });

  it("tells the migrations that stay, when this deployer committed them", async () => {
    const first = release(USERS);
    await app.deploy(first);
    await app.deploy(release(SKU));
    await app.rollback(first);
    expect(app.warnings).toEqual([expect.stringMatching(/0001_sku stays applied/)]);
  });

  it("is refused when the release does not know what somebody else applied", async () => {
    const first = release(USERS);
    await app.deploy(first);
    const db = app.open("core");
    db.exec("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('abc', 5)");
    db.close();
    await expect(app.rollback(first)).rejects.toThrow(/veto: core .*did not commit: abc of 1970/);
  });
});
