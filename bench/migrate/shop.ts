import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { createMigrationsTable, recordApplied } from "../../packages/plugin-drizzle/src/applied.ts";
import { type MigrationFiles, type TestApp, testApp } from "../../packages/plugin-drizzle/src/testing/test-app.ts";

const INIT =
  "CREATE TABLE items (id integer PRIMARY KEY, kind integer NOT NULL, title text NOT NULL, body blob NOT NULL);";
const ROW_BYTES = 1_000;

/** The first migration of every database: what is there from the start. */
export const START: MigrationFiles = { "0000_init": INIT };

/** Databases by name, with their size in megabytes. */
export type Sizes = Readonly<Record<string, number>>;

/** Databases as an app has them, made once and copied for each run. Nothing in them comes from the plugin. */
export interface Template extends Disposable {
  readonly directory: string;
  readonly sizes: Sizes;
}

export function makeTemplate(sizes: Sizes): Template {
  const directory = mkdtempSync(join(tmpdir(), "bench-migrate-data-"));
  for (const [name, megabytes] of Object.entries(sizes)) {
    const db = new Database(join(directory, `${name}.db`));
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = OFF");
    db.exec(INIT);
    db.exec("CREATE TABLE written (n integer PRIMARY KEY, at text)");
    createMigrationsTable(db);
    recordApplied(db, { hash: createHash("sha256").update(INIT).digest("hex"), when: 1_700_000_000_000 });
    const rows = Math.max(1, Math.round((megabytes * 1_000_000) / (ROW_BYTES + 60)));
    db.prepare(
      `WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < ?)
       INSERT INTO items (kind, title, body) SELECT abs(random()) % 1000, 'item ' || x, randomblob(${ROW_BYTES}) FROM n`,
    ).run(rows);
    db.close();
  }
  return { directory, sizes, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

/** An app on a fresh copy of the template. */
export function shopFrom(template: Template, maxLockMs = 60_000): TestApp {
  const names = Object.keys(template.sizes);
  const app = testApp({
    databases: Object.fromEntries(
      names.map((name) => [name, { file: `data/${name}.db`, migrations: `drizzle/${name}` }]),
    ),
    maxLockMs,
  });
  for (const name of names) cpSync(join(template.directory, `${name}.db`), app.livePath(name));
  app.context = {
    ...app.context,
    config: { ...app.context.config, copies: { maxBytes: 64 * 2 ** 30 } },
  };
  return app;
}

export function folders(template: Template, files: MigrationFiles): Record<string, MigrationFiles> {
  return Object.fromEntries(Object.keys(template.sizes).map((name) => [`drizzle/${name}`, files]));
}

export function livePaths(app: TestApp, template: Template): string[] {
  return Object.keys(template.sizes).map((name) => app.livePath(name));
}
