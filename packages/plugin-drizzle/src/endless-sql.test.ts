import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { manualClock } from "@deployer/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChildLine } from "./child-report.ts";
import { type TestApp, testApp } from "./testing/test-app.ts";

const INIT = { "0000_init": "CREATE TABLE users (id integer PRIMARY KEY, name text);" };
const ENDLESS = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n;";
/** Ends in memory, where no table has more than five rows. */
const ENDLESS_ON_DATA = `WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE (SELECT count(*) FROM users) > 5) SELECT max(x) FROM n;`;

let app: TestApp;
beforeEach(async () => {
  app = testApp({
    databases: { core: { file: "data/core.db", migrations: "drizzle/core" } },
    setup: "db/setup.mjs",
  });
  await app.deploy(release());
  const db = app.open("core");
  for (let row = 0; row < 10; row += 1) db.exec("INSERT INTO users (name) VALUES ('ada')");
  db.close();
});
afterEach(() => app[Symbol.dispose]());

function release(sql?: string, setup = "export default () => {};"): ReturnType<TestApp["release"]> {
  const made = app.release({ "drizzle/core": { ...INIT, ...(sql === undefined ? {} : { "0001_endless": sql }) } });
  const module = join(made.path, "db/setup.mjs");
  mkdirSync(dirname(module));
  writeFileSync(module, setup);
  return made;
}

/** What happens when the child says that it is at such a step, the first time or a later one. */
function whenAt(step: RegExp, nth: number, happens: () => void): void {
  let reached = 0;
  const { runner } = app.context;
  const run: typeof runner.run = (command) =>
    runner.run({
      ...command,
      onLine(line) {
        command.onLine?.(line);
        if (!line.startsWith('{"at":')) return;
        const { at } = JSON.parse(line) as Extract<ChildLine<unknown>, { at: unknown }>;
        if (at === null || !step.test(at.what)) return;
        reached += 1;
        if (reached === nth) happens();
      },
    });
  app.context = { ...app.context, runner: { ...runner, run } };
}

function letTimePassAt(step: RegExp, nth: number): void {
  const clock = manualClock();
  app.context = { ...app.context, clock };
  whenAt(step, nth, () => void clock.advance(60_000));
}

describe("SQL that does not end, and a setup module that does not", () => {
  it.each<[string, sql: string, setup: string | undefined, step: RegExp, nth: number, message: RegExp, on: string]>([
    [
      "in a migration, on the schema in memory",
      `CREATE TABLE a (x); ${ENDLESS}`,
      undefined,
      /statement 2 of 0001_endless/,
      1,
      /^Statement 2 of 0001_endless did not end within 60 s, for "core" \(.*core.db\), on its schema in memory. No live database was touched.\nWITH RECURSIVE/,
      "its schema in memory",
    ],
    [
      "in a migration, on a copy of the data",
      ENDLESS_ON_DATA,
      undefined,
      /statement 1 of 0001_endless/,
      2, // before that it ran in memory
      /^Statement 1 of 0001_endless did not end within 60 s/,
      "a copy",
    ],
    [
      "in a trigger that a migration fires",
      `CREATE TABLE a (x); CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT * FROM (${ENDLESS.replace(";", "")}); END; INSERT INTO a VALUES (1);`,
      undefined,
      /statement 3 of 0001_endless/,
      1,
      /^Statement 3 of 0001_endless did not end/,
      "its schema in memory",
    ],
    [
      "when the setup module is loaded",
      "CREATE TABLE a (x);",
      "while (true);",
      /setup module/,
      1,
      /^The setup module .*db\/setup.mjs did not end within 60 s/,
      "its schema in memory",
    ],
    [
      "when the setup module is called",
      "CREATE TABLE a (x);",
      "export default () => { while (true); };",
      /setup module/,
      2, // before that it is loaded
      /^The setup module .*db\/setup.mjs did not end within 60 s/,
      "its schema in memory",
    ],
  ])(
    "%s: ended at the deadline, told, and the revision is held",
    async (_where, sql, setup, step, nth, message, on) => {
      const next = release(sql, setup);
      letTimePassAt(step, nth);
      await expect(app.link(next)).rejects.toMatchObject({
        code: "ERR_MIGRATION_ENDLESS",
        exitCode: 4,
        mayPass: false,
        message: expect.stringMatching(message),
        details: { database: "core", on, limitMs: 60_000 },
      });
    },
  );

  it("ends with the run that is interrupted", async () => {
    const next = release(ENDLESS);
    const interrupted = new AbortController();
    app.context = { ...app.context, signal: interrupted.signal };
    const reason = new Error("interrupted");
    whenAt(/statement 1 of 0001_endless/, 1, () => interrupted.abort(reason));
    await expect(app.link(next)).rejects.toBe(reason);
  });

  it("has no place in drizzle's own table, which the deployer reads", async () => {
    const db = app.open("core");
    db.exec(
      `DROP TABLE __drizzle_migrations; CREATE VIEW __drizzle_migrations AS WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x FROM n) SELECT x AS hash, x AS created_at FROM n`,
    );
    db.close();
    await expect(app.link(release())).rejects.toMatchObject({
      code: "ERR_DATABASE_UNREADABLE",
      message: expect.stringContaining("__drizzle_migrations is a view, not drizzle's table"),
    });
  });

  it("makes no more rows in memory than a machine can spare", async () => {
    const rows = "WITH RECURSIVE n(x) AS (VALUES (zeroblob(1000000)) UNION ALL SELECT x FROM n) SELECT x FROM n";
    const fill = `CREATE TABLE a (x); INSERT INTO a ${rows};`;
    await expect(app.link(release(fill))).rejects.toMatchObject({
      code: "ERR_MIGRATION_FAILED",
      message: expect.stringMatching(/its schema in memory at statement 2 of 0001_endless: .*full/),
      hint: expect.stringMatching(/256 MiB/),
    });
  });
});

describe("a setup module that does not end any more", () => {
  const SPOILT = "export default () => { while (true); };";

  async function spoilt(): Promise<void> {
    writeFileSync(join(app.served!.path, "db/setup.mjs"), SPOILT);
    const db = app.open("core");
    db.exec("DELETE FROM __drizzle_migrations");
    db.close();
    letTimePassAt(/setup module/, 2); // before that it is loaded
  }

  it("leaves drift unknown in db status", async () => {
    await spoilt();
    await expect(app.command("status")).resolves.toMatchObject({
      databases: [{ name: "core", exists: true, drift: null }],
    });
  });

  it("is told by db undo, which changes nothing", async () => {
    await app.deploy(release("ALTER TABLE users ADD sku text;"));
    writeFileSync(join(app.served!.path, "db/setup.mjs"), SPOILT);
    letTimePassAt(/setup module/, 2);
    await expect(app.command("undo")).rejects.toMatchObject({ code: "ERR_MIGRATION_ENDLESS" });
    const db = app.open("core");
    expect(db.pragma("table_info(users)")).toHaveLength(3);
    db.close();
  });

  it("is told by db baseline, which records nothing", async () => {
    await spoilt();
    await expect(app.command("baseline")).rejects.toMatchObject({
      code: "ERR_MIGRATION_ENDLESS",
      details: { database: "core", on: "an empty database" },
    });
  });
});
