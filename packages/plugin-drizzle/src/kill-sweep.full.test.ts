import { readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { type Fault, fault } from "./testing/fault.ts";
import { inAll, leftovers, migratedApp, SKU, states } from "./testing/migrated-app.ts";
import { DATABASES, type TestApp } from "./testing/test-app.ts";

const NEW = ["new", "new", "new"];

it("a kill of the migrating process at any event leaves all old or all new, and a rerun ends new", async () => {
  for (let n = 1, events = await countEvents(); n <= events; n += 1) {
    using app = migratedApp();
    await migrateWith(app, { on: "any", nth: n, act: "kill" });
    const after = [...states(app)].sort();
    // Rolling forward meets the same fault once more when it has as many events left: one database a run at least.
    const isKnown = ["new,new,new", "old,old,old", "new,new,old", "new,old,old"].includes(after.join());
    expect([n, after, isKnown]).toEqual([n, after, true]);
    await app.recover();
    expect([n, new Set(states(app)).size]).toEqual([n, 1]);
    await app.deploy(app.release(inAll(SKU)));
    expect([n, states(app), leftovers(app)]).toEqual([n, NEW, []]);
  }
}, 1_800_000);

it.each(["SQLITE_FULL", "SQLITE_IOERR"])(
  "%s at any event leaves all old or all new, and a rerun ends new",
  async (code) => {
    for (let n = 1, events = await countEvents(); n <= events; n += 1) {
      using app = migratedApp();
      await migrateWith(app, { on: "any", nth: n, act: "fail", code });
      await app.recover();
      expect([n, new Set(states(app)).size]).toEqual([n, 1]);
      await app.deploy(app.release(inAll(SKU)));
      expect([n, states(app), leftovers(app)]).toEqual([n, NEW, []]);
    }
  },
  1_800_000,
);

it("a hundred snapshots under an app that writes and checkpoints are exact", async () => {
  using app = migratedApp();
  const { startWriters } = await import("./testing/writers.ts");
  await using _writers = await startWriters(
    DATABASES.map((name) => app.livePath(name)),
    { rate: 300 },
  );
  let files: Record<string, string> = { "0000_init": String(SKU["0000_init"]) };
  for (let n = 1; n <= 100; n += 1) {
    files = {
      ...files,
      [`${String(n).padStart(4, "0")}_t`]: `CREATE TABLE t${n} AS SELECT max(n) AS last FROM written;`,
    };
    await app.deploy(app.release(inAll(files)));
    for (const name of DATABASES) {
      const snapshot = new Database(join(app.context.paths.snapshots, app.context.run.id, `${name}.db`));
      const live = app.open(name);
      expect(snapshot.pragma("integrity_check", { simple: true })).toBe("ok");
      expect(snapshot.prepare("SELECT max(n) AS last FROM written").get()).toEqual(
        live.prepare(`SELECT last FROM t${n}`).get(),
      );
      snapshot.close();
      live.close();
    }
  }
}, 1_800_000);

/** How many events a migration without a fault has. */
async function countEvents(): Promise<number> {
  using app = migratedApp();
  const log = join(app.root, "events");
  await migrateWith(app, { on: "any", nth: 0, act: "kill", log });
  expect(states(app)).toEqual(NEW);
  return readFileSync(log, "utf8").trim().split("\n").length;
}

/** Whatever becomes of it: what counts is what is left. */
async function migrateWith(app: TestApp, given: Fault): Promise<void> {
  const release = app.release(inAll(SKU));
  await app.link(release);
  const { context } = app;
  app.context = { ...context, env: { ...context.env, ...fault(given) } };
  await app.migrate(release).catch(() => undefined);
  app.context = { ...app.context, env: context.env };
}
