import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DeployError } from "@deployer/core";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { type Fault, fault } from "./testing/fault.ts";
import { inAll, leftovers, migratedApp, SKU, states } from "./testing/migrated-app.ts";
import { DATABASES, type TestApp } from "./testing/test-app.ts";
import { startWriters, troubleOf, type Writers } from "./testing/writers.ts";

const NEW = ["new", "new", "new"];
// Rolling forward meets the same fault once more when it has as many events left: one database a run at least.
const KNOWN = ["new,new,new", "old,old,old", "new,new,old", "new,old,old"];

it.each<[what: string, act: Pick<Fault, "act" | "code">]>([
  ["a kill of the migrating process", { act: "kill" }],
  ["SQLITE_FULL", { act: "fail", code: "SQLITE_FULL" }],
  ["SQLITE_IOERR", { act: "fail", code: "SQLITE_IOERR" }],
])(
  "%s at any event, beside an app that writes: no write is lost, all are old or all new, and a rerun ends new",
  async (_, act) => {
    for (let n = 1, events = await countEvents(); n <= events; n += 1) {
      using app = migratedApp();
      await using writers = await writersOf(app);
      const failure = await migrateWith(app, { on: "any", nth: n, ...act });
      const after = states(app).sort().join();
      expect([n, after, KNOWN.includes(after)]).toEqual([n, after, true]);
      const isTold = failure === undefined ? after === NEW.join() : failure.exitCode > 0;
      expect([n, after, failure, isTold]).toEqual([n, after, failure, true]);
      await app.recover();
      expect([n, new Set(states(app)).size]).toEqual([n, 1]);
      await app.deploy(app.release(inAll(SKU)));
      expect([n, await troubleOf(writers), states(app), leftovers(app)]).toEqual([n, [], NEW, []]);
    }
  },
  1_800_000,
);

it("a hundred snapshots under an app that writes and checkpoints are exact", async () => {
  using app = migratedApp();
  await using writers = await writersOf(app, 300);
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
  expect(await troubleOf(writers)).toEqual([]);
}, 1_800_000);

/** How many events a migration without a fault has. */
async function countEvents(): Promise<number> {
  using app = migratedApp();
  await using _writers = await writersOf(app);
  const log = join(app.root, "events");
  await migrateWith(app, { on: "any", nth: 0, act: "kill", log });
  expect(states(app)).toEqual(NEW);
  return readFileSync(log, "utf8").trim().split("\n").length;
}

function writersOf(app: TestApp, rate = 50): Promise<Writers> {
  return startWriters(
    DATABASES.map((name) => app.livePath(name)),
    { rate },
  );
}

/** Answers why it failed. */
async function migrateWith(app: TestApp, given: Fault): Promise<DeployError | undefined> {
  const release = app.release(inAll(SKU));
  await app.link(release);
  const { context } = app;
  app.context = { ...context, env: { ...context.env, ...fault(given) } };
  try {
    await app.migrate(release);
    return undefined;
  } catch (error) {
    return error as DeployError;
  } finally {
    app.context = { ...app.context, env: context.env };
  }
}
