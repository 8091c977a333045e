import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { procProcessTable, type ReleaseInfo } from "@deployer/core";
import Database from "better-sqlite3";
import { createMigrationsTable, recordApplied } from "../applied.ts";
import type { MigrationJournal } from "../journal.ts";
import type { DrizzleOptions } from "../options.ts";
import { DATABASES, type MigrationFiles, type TestApp, testApp } from "./test-app.ts";

const INIT = "CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL, v integer NOT NULL DEFAULT 1);";
const RUN_CHILD = fileURLToPath(new URL("./run-child.ts", import.meta.url));

/** What every database has from the start, and what brings a column and doubles `v`: to run it twice would show. */
export const START: MigrationFiles = { "0000_init": INIT };
export const SKU: MigrationFiles = {
  ...START,
  "0001_sku": "ALTER TABLE users ADD sku text;--> statement-breakpoint\nUPDATE users SET v = v * 2;",
};

/** An app with three databases, each with `START` applied and ten rows. Nothing of it was made by the plugin. */
export function migratedApp(options?: DrizzleOptions): TestApp {
  const app = testApp(options);
  for (const name of DATABASES) {
    const db = app.open(name);
    db.exec(INIT);
    createMigrationsTable(db);
    recordApplied(db, { hash: createHash("sha256").update(INIT).digest("hex"), when: 1_700_000_000_000 });
    db.exec(
      "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 10) INSERT INTO users (name) SELECT 'row ' || x FROM n",
    );
    db.close();
  }
  return app;
}

/** The same migrations for all three. */
export function inAll(files: MigrationFiles): Record<string, MigrationFiles> {
  return Object.fromEntries(DATABASES.map((name) => [`drizzle/${name}`, files]));
}

/** Each database, whole (integrity, schema and drizzle's rows agree) and free, as "old" or "new". */
export function states(app: TestApp, names: readonly string[] = DATABASES): string[] {
  return names.map((name) => state(app.livePath(name)));
}

function state(path: string): string {
  if (!existsSync(path)) return "missing";
  // A killed process drops its locks a little after it is gone.
  const db = new Database(path, { timeout: 2_000, fileMustExist: true });
  try {
    db.exec("BEGIN IMMEDIATE; ROLLBACK");
    const count = (sql: string): unknown => Object.values(db.prepare(sql).get() as object)[0];
    const columns = count("SELECT count(*) FROM pragma_table_info('users')");
    const facts = [
      db.pragma("integrity_check", { simple: true }),
      count("SELECT count(*) FROM __drizzle_migrations"),
      count("SELECT max(v) FROM users WHERE id <= 10"),
    ];
    if (columns === 3 && String(facts) === "ok,1,1") return "old";
    // A new database has no rows.
    if (columns === 4 && (String(facts) === "ok,2,2" || String(facts) === "ok,2,")) return "new";
    return `split: ${columns} columns, ${facts}`;
  } finally {
    db.close();
  }
}

/** States of all journals, oldest first. */
export function journalStates(app: TestApp): string[] {
  return journals(app).map(({ state }) => state);
}

export function journals({ context }: TestApp): MigrationJournal[] {
  const folder = context.paths.migrations;
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
  const read = names.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as MigrationJournal);
  return read.sort((a, b) => a.at.localeCompare(b.at));
}

/** Files beside the databases that are neither theirs nor SQLite's. */
export function leftovers({ livePath }: TestApp): string[] {
  return readdirSync(join(livePath("core"), "..")).filter((name) => !/^\w+\.db(-wal|-shm)?$/.test(name));
}

/** Lets a run in a process of its own link and migrate a release; answers the signal that ended it. */
export async function runInChild(
  app: TestApp,
  release: ReleaseInfo,
  env: Record<string, string>,
): Promise<string | null> {
  writeFileSync(join(app.root, "release.json"), JSON.stringify({ release, served: app.served, env }));
  const child = spawn(process.execPath, [RUN_CHILD, app.root], { stdio: "ignore" });
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  // The migrating process, killed at the same moment, may take a little longer to be gone.
  if (env.DEPLOYER_TEST_FAULT?.includes('"kill-both"')) {
    for (const { process: migrating } of journals(app)) {
      while (migrating !== null && (await procProcessTable.isAlive(migrating))) await delay(5);
    }
  }
  return signal;
}

/** Patience is at its end fifty times sooner. */
export function hurry(app: TestApp): void {
  const { clock } = app.context;
  app.context = { ...app.context, clock: { ...clock, elapsed: () => clock.elapsed() * 50 } };
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}
