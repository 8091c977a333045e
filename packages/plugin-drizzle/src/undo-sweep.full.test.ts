import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { type Fault, fault } from "./testing/fault.ts";
import { inAll, leftovers, migratedApp, START } from "./testing/migrated-app.ts";
import { DATABASES, type TestApp } from "./testing/test-app.ts";
import { startWriters, troubleOf } from "./testing/writers.ts";

const NOTE = { ...START, "0001_note": "ALTER TABLE users ADD note text;" };
const CHILD = fileURLToPath(new URL("./testing/command-child.ts", import.meta.url));

it.each<[what: string, act: Pick<Fault, "act" | "code">]>([
  ["a kill", { act: "kill" }],
  ["SQLITE_FULL", { act: "fail", code: "SQLITE_FULL" }],
])(
  "%s at any event of db undo, beside an app that writes: no write is lost, all have the migration or none, and another undo ends it",
  async (_, act) => {
    for (let n = 1, events = await countEvents(); n <= events; n += 1) {
      using app = migratedApp();
      await using writers = await startWriters(files(app), { rate: 50 });
      await note(app);
      await undoWith(app, { on: "any", nth: n, ...act });
      await app.recover();
      expect([n, new Set(haveNote(app)).size, app.warnings.filter((text) => text.includes("a person"))]).toEqual([
        n,
        1,
        [],
      ]);
      if (haveNote(app)[0]) await app.command("undo", { flags: { "lose-rows": true } });
      expect([n, await troubleOf(writers), haveNote(app), leftovers(app)]).toEqual([n, [], [false, false, false], []]);
      for (const file of files(app)) expect([n, integrity(file)]).toEqual([n, "ok"]);
    }
  },
  1_800_000,
);

/** A note in a row of each database, and a release in service that knows none. */
async function note(app: TestApp): Promise<void> {
  await app.deploy(app.release(inAll(NOTE)));
  app.served = app.release(inAll(START));
  for (const file of files(app)) {
    const db = new Database(file);
    db.exec("UPDATE users SET note = 'mine' WHERE id = 1");
    db.close();
  }
}

async function countEvents(): Promise<number> {
  using app = migratedApp();
  await note(app);
  const log = join(app.root, "events");
  await undoWith(app, { on: "any", nth: 0, act: "kill", log });
  expect(haveNote(app)).toEqual([false, false, false]);
  return readFileSync(log, "utf8").trim().split("\n").length;
}

async function undoWith(app: TestApp, given: Fault): Promise<void> {
  const env = { PATH: process.env.PATH, ...fault(given) };
  const child = spawn(process.execPath, [CHILD, app.root, "undo", '{"lose-rows":true}'], { env, stdio: "ignore" });
  await once(child, "exit");
}

function haveNote(app: TestApp): boolean[] {
  return files(app).map((file) => {
    const db = new Database(file, { readonly: true });
    const row = db.prepare("SELECT 1 FROM pragma_table_info('users') WHERE name = 'note'").get();
    db.close();
    return row !== undefined;
  });
}

function integrity(file: string): unknown {
  const db = new Database(file);
  try {
    return db.pragma("integrity_check", { simple: true });
  } finally {
    db.close();
  }
}

function files(app: TestApp): string[] {
  return DATABASES.map((name) => app.livePath(name));
}
