import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { procProcessTable } from "@deployer/core";
import { manualClock } from "@deployer/core/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Fault, fault } from "./testing/fault.ts";
import {
  inAll,
  journalStates,
  journals,
  leftovers,
  migratedApp,
  runInChild,
  SKU,
  START,
  states,
  until,
} from "./testing/migrated-app.ts";
import { DATABASES, type TestApp } from "./testing/test-app.ts";
import { lostWrites, startWriters, troubleOf, type Writers } from "./testing/writers.ts";

const OLD = ["old", "old", "old"];
const NEW = ["new", "new", "new"];

let app: TestApp;
beforeEach(() => {
  app = migratedApp();
});
afterEach(() => app[Symbol.dispose]());

/** Migrates with a fault in the migrating process. */
async function migrateWith(given: Fault): Promise<void> {
  const release = app.release(inAll(SKU));
  await app.link(release);
  const { context } = app;
  app.context = { ...context, env: { ...context.env, ...fault(given) } };
  try {
    await app.migrate(release);
  } finally {
    app.context = { ...app.context, env: context.env };
  }
}

/** A plain rerun brings all databases to the new schema, each migration run once. */
async function converges(): Promise<void> {
  await app.deploy(app.release(inAll(SKU)));
  expect(states(app)).toEqual(NEW);
  expect(leftovers(app)).toEqual([]);
  expect(journalStates(app)).toContain("done");
}

function appThatWrites(names: readonly string[] = DATABASES): Promise<Writers> {
  return startWriters(names.map(app.livePath), { rate: 50 });
}

describe("the migrating process, killed before the first COMMIT", () => {
  it.each<[string, Pick<Fault, "on" | "matching" | "nth">]>([
    ["with nothing locked yet", { on: "run", matching: "BEGIN IMMEDIATE" }],
    ["in the snapshot, under the lock", { on: "fs", matching: "fsyncSync", nth: 3 }],
    ["between the statements of two databases", { on: "prepare", matching: "ALTER TABLE", nth: 2 }],
    ["when the journal says committing", { on: "run", matching: "COMMIT" }],
  ])("%s: all as before, tried again by itself, and a rerun migrates all", async (_when, at) => {
    await expect(migrateWith({ ...at, act: "kill" })).rejects.toMatchObject({
      code: "ERR_MIGRATION_DIED",
      exitCode: 4,
      mayPass: true,
    });
    expect(states(app)).toEqual(OLD);
    expect([leftovers(app), journalStates(app), readdirSync(app.context.paths.snapshots)]).toEqual([
      [],
      ["aborted"],
      [],
    ]);
    await converges();
  });
});

describe("the migrating process, killed between two COMMITs", () => {
  it("the run itself rolls the rest forward, and succeeds", async () => {
    await migrateWith({ on: "run", matching: "COMMIT", nth: 3, act: "kill" });
    expect(states(app)).toEqual(NEW);
    expect(journalStates(app)).toEqual(["done"]);
    expect(app.migrated).toEqual({ core: ["0001_sku"], system: ["0001_sku"], content: ["0001_sku"] });
  });

  it("when rolling forward fails too, it says so with exit 5, and the next run goes on", async () => {
    await expect(migrateWith({ on: "run", matching: "COMMIT", nth: 2, act: "kill" })).rejects.toMatchObject({
      code: "ERR_MIGRATION_INCOMPLETE",
      exitCode: 5,
    });
    expect([...states(app)].sort()).toEqual(["new", "new", "old"]);
    expect(journalStates(app)).toEqual(["committing"]);
    await app.recover();
    expect(states(app)).toEqual(NEW);
    await app.link(app.release(inAll(SKU)));
    expect(journalStates(app)).toEqual(["done"]);
  });

  it("after the last COMMIT nothing is run twice", async () => {
    await migrateWith({ on: "fs", matching: "renameSync", nth: 3, act: "kill" });
    expect(states(app)).toEqual(NEW);
    expect(journalStates(app)).toEqual(["done"]);
  });

  it("a run that dies with it leaves it to recovery, which needs no release for it", async () => {
    await using writers = await appThatWrites();
    const given = fault({ on: "run", matching: "COMMIT", nth: 2, act: "kill-both" });
    expect(await runInChild(app, app.release(inAll(SKU)), given)).toBe("SIGKILL");
    expect([...states(app)].sort()).toEqual(["new", "old", "old"]);
    // Another release than the one that brought the migration, with one more.
    const more = app.release(inAll({ ...SKU, "0002_note": "CREATE TABLE note (x)" }));
    await app.link(more);
    expect(states(app)).toEqual(NEW);
    await app.migrate(more);
    expect(app.migrated.core).toEqual(["0002_note"]);
    await app.deploy(app.release(inAll({ ...SKU, "0002_note": "CREATE TABLE note (x)" })));
    expect(journalStates(app)).toEqual(["done", "done"]);
    expect([await troubleOf(writers), leftovers(app)]).toEqual([[], []]);
  });
});

describe.each([
  ["between two COMMITs", { on: "run", matching: "COMMIT", nth: 2, act: "kill-both" }],
  ["after it is done, before it was told", { on: "fs", matching: "deployer-reserve", nth: 5, act: "kill-both" }],
] as const)("a run that dies %s", (_when, given) => {
  it("has its one-way migration told by recovery", async () => {
    await app.deploy(app.release(inAll(START)));
    const gone = { ...START, "0001_gone": "-- deployer: breaks the previous release\nALTER TABLE users DROP v;" };
    const release = app.release({ ...inAll(START), "drizzle/core": gone, "drizzle/system": SKU });
    expect(await runInChild(app, release, fault(given))).toBe("SIGKILL");
    await app.recover(journals(app)[0]?.run);
    expect(app.oneWay).toEqual([expect.stringMatching(/core: 0001_gone is committed/)]);
    expect(app.migrated).toEqual({ core: ["0001_gone"], system: ["0001_sku"] });
  });
});

describe("the run, killed while its migrating process lives", () => {
  it("before it allowed the COMMIT: that process ends by itself, all as before", async () => {
    const given = fault({ on: "prepare", matching: "ALTER TABLE", act: "kill-parent" });
    expect(await runInChild(app, app.release(inAll(SKU)), given)).toBe("SIGKILL");
    await app.recover();
    expect(states(app)).toEqual(OLD);
    expect([leftovers(app), journalStates(app)]).toEqual([[], ["aborted"]]);
    await converges();
  });

  it("in the middle of a statement: it ends all the same, and the app's writers go on before anybody recovers", async () => {
    const live = "SELECT 1 FROM pragma_database_list WHERE file LIKE '%/shared/%'";
    const endless = `WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x FROM n WHERE EXISTS (${live})) SELECT max(x) FROM n;`;
    const release = app.release(inAll({ ...START, "0001_slow": `CREATE TABLE slow (x); ${endless}` }));
    const given = fault({ on: "prepare", matching: "CREATE TABLE slow", act: "kill-parent" });
    expect(await runInChild(app, release, given)).toBe("SIGKILL");
    const [journal] = journals(app);
    await vi.waitUntil(async () => !(await procProcessTable.isAlive(journal!.process!)), { timeout: 30_000 });
    expect(states(app)).toEqual(OLD);
    await app.recover();
    await converges();
  });

  it("after it: that process is waited for, whatever recovery ends, and all is new", async () => {
    const file = join(app.root, "stopped");
    const release = app.release(inAll(SKU));
    const running = runInChild(app, release, fault({ on: "run", matching: "COMMIT", nth: 2, act: "stop", file }));
    await until(() => hasText(file));
    const child = Number(readFileSync(file, "utf8"));
    const environment = await procProcessTable.environment(child);
    expect([environment?.DEPLOYER_RUN, environment?.DEPLOYER_MIGRATION]).toEqual([undefined, "run-1"]);
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.kill(child, signal);
    process.kill(await parentOf(child), "SIGKILL");
    expect(await running).toBe("SIGKILL");
    const recovering = app.recover();
    await until(() => app.infos.some((text) => text.includes(`Waiting for process ${child}`)));
    writeFileSync(`${file}.go`, "");
    await recovering;
    expect(states(app)).toEqual(NEW);
    expect([journalStates(app), app.migrated.core]).toEqual([["done"], ["0001_sku"]]);
  });
});

describe("a statement that hangs under the lock", () => {
  it("is ended by the watchdog: all as before, and the app's writers got through", async () => {
    const writers = await startWriters([app.livePath("content")], { rate: 50 });
    await expect(migrateWith({ on: "prepare", matching: "ALTER TABLE", act: "hang" })).rejects.toMatchObject({
      code: "ERR_LOCK_TOO_LONG",
      exitCode: 4,
      mayPass: true,
    });
    const [written] = await writers.stop();
    expect([written?.errors, lostWrites(written!)]).toEqual([{}, 0]);
    expect(states(app)).toEqual(OLD);
    await converges();
  });
});

describe("an error", () => {
  it("at a later COMMIT is tried again, and all is new", async () => {
    await migrateWith({ on: "run", matching: "COMMIT", nth: 2, act: "fail", code: "SQLITE_IOERR" });
    expect(states(app)).toEqual(NEW);
  });

  it.each<[string, Fault, string]>([
    ["making the snapshot", { on: "open", matching: ".db-wal", act: "fail", code: "ENOSPC" }, "ERR_SNAPSHOT_FAILED"],
    ["reserving room", { on: "fs", matching: "deployer-reserve", act: "fail", code: "ENOSPC" }, "ERR_SNAPSHOT_FAILED"],
    [
      "of a full disk in a statement",
      { on: "run", matching: "UPDATE", nth: 3, act: "fail", code: "SQLITE_FULL" },
      "ERR_MIGRATION_FAILED",
    ],
    [
      "at the first COMMIT",
      { on: "run", matching: "COMMIT", act: "fail", code: "SQLITE_FULL" },
      "ERR_MIGRATION_FAILED",
    ],
  ])("%s leaves all as before", async (_what, given, code) => {
    const writer = app.open("core"); // keeps a log there to be copied
    writer.exec("INSERT INTO users (name) VALUES ('late')");
    await expect(migrateWith(given)).rejects.toMatchObject({ code, exitCode: 4 });
    writer.close();
    expect(states(app)).toEqual(OLD);
    expect([leftovers(app), journalStates(app)]).toEqual([[], ["aborted"]]);
    await converges();
  });
});

describe("an interruption", () => {
  it("before the COMMIT is allowed ends the migrating process, all as before", async () => {
    await using writers = await appThatWrites();
    const file = join(app.root, "stopped");
    const abort = new AbortController();
    app.context = { ...app.context, signal: abort.signal };
    const migrating = expect(
      migrateWith({ on: "prepare", matching: "ALTER TABLE", nth: 2, act: "stop", file }),
    ).rejects.toThrow("Ctrl-C");
    await until(() => hasText(file));
    abort.abort(new Error("Ctrl-C"));
    await migrating;
    expect(states(app)).toEqual(OLD);
    app.context = { ...app.context, signal: new AbortController().signal };
    await converges();
    expect(await troubleOf(writers)).toEqual([]);
  });

  it("during the COMMITs waits until they are done", async () => {
    await using writers = await appThatWrites();
    const file = join(app.root, "stopped");
    const abort = new AbortController();
    app.context = { ...app.context, signal: abort.signal };
    const migrating = migrateWith({ on: "run", matching: "COMMIT", nth: 2, act: "stop", file });
    await until(() => hasText(file));
    abort.abort(new Error("Ctrl-C"));
    writeFileSync(`${file}.go`, "");
    await migrating;
    expect(states(app)).toEqual(NEW);
    app.context = { ...app.context, signal: new AbortController().signal };
    await converges();
    expect([await troubleOf(writers), journalStates(app)]).toEqual([[], ["done"]]);
  });
});

describe("a journal that cannot be followed", () => {
  /** Cuts a migration off between two COMMITs. */
  async function cutOff(): Promise<string> {
    const given = fault({ on: "run", matching: "COMMIT", nth: 2, act: "kill-both" });
    await runInChild(app, app.release(inAll(SKU)), given);
    expect(journalStates(app)).toEqual(["committing"]);
    return join(app.context.paths.migrations, `${journals(app)[0]!.run}.json`);
  }

  it.each<[string, (path: string) => void, RegExp]>([
    ["is torn", (path) => writeFileSync(path, readFileSync(path, "utf8").slice(0, 400)), /is torn/],
    [
      "is of an unknown version",
      (path) => writeFileSync(path, readFileSync(path, "utf8").replace('"version": 1', '"version": 9')),
      /is of version 9/,
    ],
    [
      "names a database that is gone",
      () => renameSync(app.livePath("core"), join(app.root, "away.db")),
      /"core" .* cannot be read/,
    ],
  ])("%s: stops with exit 5, nothing touched; put right, a rerun ends new", async (_how, spoil, message) => {
    await using writers = await appThatWrites(["system", "content"]);
    const path = await cutOff();
    const whole = readFileSync(path);
    spoil(path);
    const before = states(app);
    for (const act of [() => app.recover(), () => app.link(app.release(inAll(SKU)))]) {
      await expect(act()).rejects.toMatchObject({
        code: "ERR_MIGRATION_JOURNAL",
        exitCode: 5,
        message: expect.stringMatching(message),
      });
    }
    expect(states(app)).toEqual(before);

    writeFileSync(path, whole);
    if (before.includes("missing")) renameSync(join(app.root, "away.db"), app.livePath("core"));
    await converges();
    expect([await troubleOf(writers), journalStates(app)]).toEqual([[], ["done"]]);
  });
});

describe("new databases", () => {
  it("whose making does not end are given up, and nothing is locked or left", async () => {
    renameSync(app.livePath("content"), join(app.root, "content.away"));
    const release = app.release(inAll(SKU));
    await app.link(release);
    const file = join(app.root, "stopped");
    const clock = manualClock();
    const given = fault({ on: "prepare", matching: "ALTER TABLE", act: "stop", file });
    app.context = { ...app.context, clock, env: { ...app.context.env, ...given } };
    const migrating = app.migrate(release);
    migrating.catch(() => undefined);
    await until(() => hasText(file));
    void clock.until(migrating).catch(() => undefined);
    await expect(migrating).rejects.toMatchObject({
      code: "ERR_MIGRATION_ENDLESS",
      message: expect.stringContaining("did not end within 10 minutes"),
    });
    expect([states(app, ["core", "system"]), leftovers(app), journalStates(app)]).toEqual([
      ["old", "old"],
      [],
      ["aborted"],
    ]);
  });

  it("that a kill left unmade are made by the next run, from the journal", async () => {
    for (const name of ["core", "content"]) renameSync(app.livePath(name), join(app.root, `${name}.away`));
    const given = fault({ on: "fs", matching: "linkSync", nth: 2, act: "kill-both" });
    const release = app.release(inAll(SKU));
    expect(await runInChild(app, release, given)).toBe("SIGKILL");
    expect(states(app)).toEqual(["new", "old", "missing"]);
    await app.recover();
    expect(states(app)).toEqual(NEW);
    expect(leftovers(app)).toEqual([]);
  });
});

describe("with nothing pending", () => {
  it("there is no journal, no snapshot and no lock", async () => {
    const before = readFileSync(app.livePath("core"));
    await app.deploy(app.release(inAll(START)));
    expect([journalStates(app), readFileSync(app.livePath("core")).equals(before)]).toEqual([[], true]);
  });
});

function hasText(path: string): boolean {
  try {
    return readFileSync(path, "utf8") !== "";
  } catch {
    return false;
  }
}

async function parentOf(pid: number): Promise<number> {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
