import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type MigrationFiles, type TestApp, testApp, writeMigrations } from "./testing/test-app.ts";

const INIT = { "0000_init": "CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL);" };
const SKU = { ...INIT, "0001_sku": "ALTER TABLE users ADD sku text;" };
const FILL = { ...SKU, "0002_fill": "UPDATE users SET sku = 'x';" };

let app: TestApp;
beforeEach(() => {
  app = testApp({ databases: { core: { file: "data/core.db", migrations: "drizzle/core" } } });
});
afterEach(() => app[Symbol.dispose]());

const release = (files: MigrationFiles): ReturnType<TestApp["release"]> => app.release({ "drizzle/core": files });

function change(sql: string): void {
  const db = app.open("core");
  db.exec(sql);
  db.close();
}

function rows(): unknown[] {
  const db = app.open("core");
  try {
    return db.prepare("SELECT created_at FROM __drizzle_migrations").pluck().all();
  } finally {
    db.close();
  }
}

describe("deployer db status", () => {
  it("tells a database that is not there yet", async () => {
    expect(await app.command("status")).toMatchObject({ databases: [{ name: "core", exists: false, applied: null }] });
  });

  it("tells applied and pending migrations, size and drift", async () => {
    await app.deploy(release(SKU));
    expect(await app.command("status")).toMatchObject({
      text: expect.stringMatching(
        /^core: .*core.db, 0.0 MiB, 2 applied, pending: none, drift: none\nlast snapshot: run-\S+$/,
      ),
      databases: [{ exists: true, applied: 2, pending: [], drift: [], bytes: expect.any(Number) }],
    });
    change("CREATE TABLE by_hand (x)");
    expect(await app.command("status")).toMatchObject({ databases: [{ drift: ["table by_hand"] }] });
  });
});

describe("deployer db plan", () => {
  it("says so when nothing is pending", async () => {
    await app.deploy(release(INIT));
    expect(await app.command("plan")).toMatchObject({ text: "Nothing is pending.", databases: [] });
  });

  it("shows pending SQL and verdict of a commit that the mirror has, and touches no database", async () => {
    await app.deploy(release(INIT));
    const git = (...args: string[]): string =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { encoding: "utf8" }).trim();
    const work = join(app.root, "work");
    writeMigrations(join(work, "drizzle/core"), { ...INIT, "0001_drop": "ALTER TABLE users DROP COLUMN name;" });
    git("init", "-q", work);
    git("-C", work, "add", ".");
    git("-C", work, "commit", "-qm", "drop");
    git("clone", "-q", "--bare", work, app.context.paths.mirror);
    const before = readFileSync(app.livePath("core"));
    const answer = await app.command("plan", git("-C", work, "rev-parse", "HEAD"));
    expect(answer).toMatchObject({
      text: expect.stringContaining("breaks: 0001_drop, statement 1: users.name"),
      databases: [{ name: "core", verdict: "breaks", pending: [{ migration: "0001_drop", verdict: "breaks" }] }],
    });
    expect(readFileSync(app.livePath("core"))).toEqual(before);
    await expect(app.command("plan", "nobody")).rejects.toMatchObject({ code: "ERR_PLAN_REF", exitCode: 2 });
    rmSync(work, { recursive: true });
  });
});

describe("deployer db baseline", () => {
  beforeEach(async () => {
    await app.deploy(release(FILL));
  });

  it("leaves a database alone that has its migrations recorded", async () => {
    expect(await app.command("baseline")).toMatchObject({
      text: expect.stringContaining("Nothing to record"),
      recorded: {},
    });
  });

  it("records as many migrations as make the schema, and none that only changes data after them", async () => {
    // As drizzle-kit push makes it: no table of drizzle's, and columns within CREATE TABLE.
    change(
      "DROP TABLE __drizzle_migrations; DROP TABLE users; CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL, `sku` text)",
    );
    await expect(app.command("baseline")).rejects.toMatchObject({ code: "ERR_BASELINE_DIFFERS" });
    change("DROP TABLE users; CREATE TABLE `users` (`id` integer PRIMARY KEY, `name` text NOT NULL, `sku` text)");
    expect(await app.command("baseline")).toMatchObject({ recorded: { core: ["0000_init", "0001_sku"] } });
    expect(rows()).toEqual([1_700_000_000_000, 1_700_000_001_000]);
    await app.deploy(release(FILL));
    expect(rows()).toHaveLength(3);
  });

  it("says what differs, and records nothing", async () => {
    change("DROP TABLE __drizzle_migrations; ALTER TABLE users ADD extra text");
    await expect(app.command("baseline")).rejects.toMatchObject({
      code: "ERR_BASELINE_DIFFERS",
      exitCode: 2,
      details: { database: "core", difference: ["users.extra"] },
    });
    expect(() => rows()).toThrow("no such table");
  });
});
