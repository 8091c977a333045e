import { existsSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type MigrationFiles, type TestApp, testApp } from "./testing/test-app.ts";

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
    app.ahead = release(INIT);
    expect(await app.command("plan")).toMatchObject({
      text: expect.stringMatching(/^main at \S+: nothing is pending\.$/),
      databases: [],
    });
  });

  it("shows SQL, verdict, rows and lock time of what would be deployed next, and touches no database", async () => {
    await app.deploy(release(INIT));
    change("INSERT INTO users (name) VALUES ('ada'), ('bob'), ('eve'); CREATE TABLE log (x);");
    change("CREATE TRIGGER noted AFTER UPDATE ON users BEGIN INSERT INTO log VALUES (new.id); END;");
    const sql = `${SKU["0001_sku"]}--> statement-breakpoint\nUPDATE users SET sku = 'x' WHERE id < 3;--> statement-breakpoint\nALTER TABLE users DROP COLUMN name;`;
    app.ahead = release({ ...INIT, "0001_all": sql });
    const before = readFileSync(app.livePath("core"));
    const infos = [...app.infos];

    const answer = await app.command("plan");

    expect(answer).toMatchObject({
      revision: { hash: app.ahead.revision.hash },
      databases: [
        {
          name: "core",
          verdict: "breaks",
          predictedMs: expect.any(Number),
          pending: [
            {
              migration: "0001_all",
              verdict: "breaks",
              // Two rows, and one of the trigger's for each.
              statements: [{ rows: 0 }, { sql: "UPDATE users SET sku = 'x' WHERE id < 3", rows: 4 }, { rows: 0 }],
            },
          ],
          findings: [{ object: "users.name" }],
        },
      ],
      lock: { predictedMs: expect.any(Number), refused: null },
      notRehearsed: null,
    });
    const { text } = answer as { text: string };
    expect(text).toContain("breaks: 0001_all, statement 3: users.name");
    expect(text).toContain("WHERE id < 3; -- 4 rows");
    expect(text).toMatch(/writers would wait for about \d+ ms\.$/);
    expect(readFileSync(app.livePath("core"))).toEqual(before);
    expect([app.infos, existsSync(app.ahead.path)]).toEqual([infos, false]);
  });

  it("says when the deployment would stop, and when rows and time are not known", async () => {
    using slow = testApp({ databases: { core: { file: "data/core.db", migrations: "drizzle/core" } }, maxLockMs: 1 });
    slow.ahead = slow.release({
      "drizzle/core": {
        "0000_much":
          "CREATE TABLE t (x);--> statement-breakpoint\nWITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 99999) INSERT INTO t SELECT x FROM n;",
      },
    });
    expect(await slow.command("plan")).toMatchObject({
      text: expect.stringContaining("The deployment would stop: The migrations took"),
      lock: { refused: expect.stringContaining("`maxLockMs` allows 1 ms") },
    });
    slow.context = { ...slow.context, config: { ...slow.context.config, copies: false } };
    slow.ahead = slow.release({ "drizzle/core": INIT });
    expect(await slow.command("plan")).toMatchObject({
      text: expect.stringContaining("not known: the config says `copies: false`"),
      databases: [{ predictedMs: null, pending: [{ statements: [{ rows: null }] }] }],
      lock: null,
    });
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

  it("takes the migrations of a ref that is named, and without a current release those that would be deployed", async () => {
    change("DROP TABLE __drizzle_migrations");
    app.ahead = release({ ...SKU, "0002_more": "CREATE TABLE more (x)" });
    const { path } = app.ahead;
    expect(await app.command("baseline", { args: { ref: "next" } })).toMatchObject({
      recorded: { core: ["0000_init", "0001_sku"] },
    });
    expect(existsSync(path)).toBe(false);
    change("DROP TABLE __drizzle_migrations");
    app.ahead = release(SKU);
    app.served = undefined;
    expect(await app.command("baseline")).toMatchObject({ recorded: { core: ["0000_init", "0001_sku"] } });
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
