import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ReleaseInfo } from "@deployer/core";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type DrizzleDatabase,
  type Kit,
  madeByDrizzle,
  migrationNames,
  STEPS,
  type Step,
  writeKitMigrations,
} from "./testing/drizzle-kit.ts";
import { type TestApp, testApp } from "./testing/test-app.ts";

let app: TestApp;
beforeEach(() => {
  app = testApp({ databases: { core: { file: "data/core.db", migrations: "drizzle" } } });
});
afterEach(() => app[Symbol.dispose]());

function release(kit: Kit, last: Step, acknowledged: readonly Step[] = []): ReleaseInfo {
  const made = app.release({});
  writeKitMigrations(join(made.path, "drizzle"), kit, last, acknowledged);
  return made;
}

function change(sql: string): void {
  const db = app.open("core");
  db.exec(sql);
  db.close();
}

/** As `madeByDrizzle` tells it, with the time at which each was applied set to the same. */
function live(): DrizzleDatabase {
  const db = app.open("core");
  try {
    const rows = db.prepare("SELECT * FROM __drizzle_migrations ORDER BY rowid").all() as Record<string, unknown>[];
    for (const row of rows.filter((it) => "applied_at" in it)) row.applied_at = "2026-11-21T00:00:00.000Z";
    const schema = db.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").pluck().all();
    return { schema: schema as string[], rows };
  } finally {
    db.close();
  }
}

describe.each(["0.31", "1.0"] as const)("what drizzle-kit %s generated", (kit) => {
  it("ends in the database that drizzle's own migrator makes of it, rows and all", async () => {
    await app.deploy(release(kit, "custom"));
    expect(app.migrated.core).toEqual(migrationNames(kit));
    expect(live()).toEqual(madeByDrizzle(kit));
  });

  it("is all applied where drizzle's own migrator ran, and nothing is touched", async () => {
    const { schema, rows } = madeByDrizzle(kit);
    const db = app.open("core");
    for (const sql of schema) db.exec(sql);
    for (const row of rows) {
      const names = Object.keys(row);
      db.prepare(`INSERT INTO __drizzle_migrations (${names}) VALUES (${names.map(() => "?")})`).run(
        ...Object.values(row),
      );
    }
    db.close();
    const before = readFileSync(app.livePath("core"));
    await app.deploy(release(kit, "custom"));
    expect([app.migrated, app.warnings]).toEqual([{}, []]);
    expect(readFileSync(app.livePath("core")).equals(before)).toBe(true);
  });

  describe("beside a running release", () => {
    it.each<[step: Step, rule: string, what: RegExp]>([
      ["rename", "column-gone", /reads and writes of the column fail: no such column/],
      ["drop", "column-gone", /reads and writes of the column fail: no such column/],
      ["rebuild", "column-now-required", /it may write NULL.*: NOT NULL fails/],
      ["unique", "new-unique", /writes may fail: UNIQUE/],
      ["foreign_key", "new-foreign-key", /writes may fail: FOREIGN KEY/],
    ])("%s is stopped (%s), and passes when its file says so, with every row kept", async (step, rule, what) => {
      const before = STEPS.slice(0, STEPS.indexOf(step));
      await app.deploy(release(kit, before.at(-1)!));
      const column = before.includes("rename") ? "title" : "name";
      change(`INSERT INTO users (id, ${column}, mail) VALUES (1, 'ada', 'A@b.c'); INSERT INTO posts VALUES (1, 1)`);
      await expect(app.link(release(kit, step))).rejects.toMatchObject({
        code: "ERR_MIGRATION_BREAKS",
        exitCode: 4,
        details: { findings: [{ rule, what: expect.stringMatching(what) }] },
      });
      await app.deploy(release(kit, step, [step]));
      expect(app.oneWay).toHaveLength(1);
      const db = app.open("core");
      expect(db.prepare("SELECT title, mail, author FROM users JOIN posts ON author = users.id").all()).toEqual([
        { title: "ada", mail: "A@b.c", author: 1 },
      ]);
      db.close();
    });

    it("add and custom pass, and custom's changes of data are told", async () => {
      await app.deploy(release(kit, "init"));
      await app.deploy(release(kit, "add"));
      expect([app.warnings, app.oneWay]).toEqual([[], []]);
      const breaks = ["rename", "drop", "rebuild", "unique", "foreign_key"] as const;
      await app.deploy(release(kit, "foreign_key", breaks));
      change("INSERT INTO users (id, title, mail) VALUES (1, 'ada', 'A@b.c')");
      const [warned, told] = [app.warnings.length, app.oneWay.length];
      await app.deploy(release(kit, "custom", breaks));
      expect(app.warnings.slice(warned)).toEqual([expect.stringMatching(/changes 1 rows .*UPDATE users SET mail/)]);
      expect(app.oneWay).toHaveLength(told);
    });
  });
});

it("drizzle-orm's own migrator does nothing after us, and we do nothing after it", async () => {
  const made = release("0.31", "custom");
  await app.deploy(made);
  const before = live();
  const db = app.open("core");
  migrate(drizzle(db), { migrationsFolder: join(made.path, "drizzle") });
  db.close();
  expect(live()).toEqual(before);
});
