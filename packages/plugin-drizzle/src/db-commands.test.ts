import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Restored } from "./db-restore.ts";
import type { SnapshotList } from "./db-snapshots.ts";
import { type Fault, fault } from "./testing/fault.ts";
import { hurry, inAll, journals, migratedApp, SKU, START, states, until } from "./testing/migrated-app.ts";
import { DATABASES, type TestApp } from "./testing/test-app.ts";
import { startWriters } from "./testing/writers.ts";

const FILES = (app: TestApp): string[] => DATABASES.map((name) => app.livePath(name));

let app: TestApp;
beforeEach(() => {
  app = migratedApp();
});
afterEach(() => app[Symbol.dispose]());

const restore = (input: { readonly run?: string; readonly losesWrites?: boolean } = {}): Promise<Restored> =>
  app.command("restore", {
    args: { run: input.run },
    flags: { "lose-writes": input.losesWrites ?? false },
  }) as Promise<Restored>;
const snapshots = (): Promise<unknown> => app.command("snapshots");

/** Deploys `SKU` in all, and returns to a release that does not know it. */
async function deployed(): Promise<void> {
  await app.deploy(app.release(inAll(SKU)));
  app.served = app.release(inAll(START));
}

/** The restore of all, in a process of its own that dies. */
function killed(given: Omit<Fault, "act">): void {
  const script = fileURLToPath(new URL("./testing/command-child.ts", import.meta.url));
  const env = { PATH: process.env.PATH, ...fault({ ...given, act: "kill" }) };
  const words = [app.root, "restore", JSON.stringify({ "lose-writes": true })];
  expect(spawnSync(process.execPath, [script, ...words], { env }).signal).toBe("SIGKILL");
}

describe("db restore", () => {
  it("puts the databases back as they were, under an app that has them open", async () => {
    const readers = DATABASES.map((name) => app.open(name));
    await deployed();
    const answer = await restore();
    expect(answer).toMatchObject({ restored: [...DATABASES], writesLost: false });
    expect(states(app)).toEqual(["old", "old", "old"]);
    for (const reader of readers) {
      expect(reader.prepare("SELECT count(*) AS n FROM users").get()).toEqual({ n: 10 });
      reader.close();
    }
  });

  it("is refused when the app wrote since, unless a person says that this may be lost", async () => {
    const readers = DATABASES.map((name) => app.open(name));
    await deployed();
    readers[1]!.exec("INSERT INTO users (name) VALUES ('late')");
    await expect(restore()).rejects.toMatchObject({
      code: "ERR_WRITES_WOULD_BE_LOST",
      exitCode: 2,
      details: { databases: ["system"] },
    });
    expect(states(app)).toEqual(["new", "new", "new"]);
    expect(await restore({ losesWrites: true })).toMatchObject({ writesLost: true });
    expect(states(app)).toEqual(["old", "old", "old"]);
    for (const reader of readers) reader.close();
  });

  it("sees the write of a transaction that was open when it looked, because it looks again under the lock", async () => {
    const readers = DATABASES.map((name) => app.open(name));
    await deployed();
    const script = fileURLToPath(new URL("./testing/holder.ts", import.meta.url));
    const holder = fork(script, [app.livePath("system")], { execArgv: [] });
    await once(holder, "message");
    const restoring = restore();
    restoring.catch(() => undefined); // it is looked at below
    await until(() => app.infos.some((text) => text.includes("Waiting for somebody who writes")));
    holder.send("commit");
    await expect(restoring).rejects.toMatchObject({
      code: "ERR_WRITES_WOULD_BE_LOST",
      details: { databases: ["system"] },
    });
    expect(states(app)).toEqual(["new", "new", "new"]);
    expect(query("system", "SELECT name FROM users WHERE id > 10")).toEqual([{ name: "held" }]);
    for (const reader of readers) reader.close();
  });

  it("fails, with nothing restored, when somebody goes on writing", async () => {
    const readers = DATABASES.map((name) => app.open(name));
    await deployed();
    readers[2]!.exec("BEGIN IMMEDIATE");
    hurry(app);
    await expect(restore()).rejects.toMatchObject({ code: "ERR_RESTORE_FAILED" });
    readers[2]!.exec("ROLLBACK");
    expect(states(app)).toEqual(["new", "new", "new"]);
    expect(await restore()).toMatchObject({ writesLost: false });
    for (const reader of readers) reader.close();
  });

  it("keeps every write under an app that goes on, or loses them all by a person's word", async () => {
    await using writers = await startWriters(FILES(app), { rate: 200 });
    await deployed();
    await expect(restore()).rejects.toMatchObject({ code: "ERR_WRITES_WOULD_BE_LOST" });
    expect(await restore({ losesWrites: true })).toMatchObject({ writesLost: true });
    const written = await writers.stop();
    expect(written.map(({ errors }) => errors)).toEqual(Array(3).fill({}));
    expect(states(app)).toEqual(["old", "old", "old"]);
  });

  it("says that there is no snapshot", async () => {
    await expect(restore({ run: "nowhere" })).rejects.toMatchObject({ code: "ERR_NO_SNAPSHOT" });
  });

  it("is refused when the served release would not work with what is put back, and names the rollback", async () => {
    await app.deploy(app.release(inAll(SKU)));
    await expect(restore({ losesWrites: true })).rejects.toMatchObject({
      code: "ERR_RELEASE_NEEDS_SCHEMA",
      message: expect.stringMatching(/core: users\.sku: .*no such column/),
      hint: expect.stringMatching(/`deployer rollback`. Then run `deployer db restore --lose-writes` again/),
    });
    expect(states(app)).toEqual(["new", "new", "new"]);
  });

  it("says first what becomes of the rows, and keeps today's, which a second restore brings back", async () => {
    await deployed();
    change("core", "INSERT INTO users (name) VALUES ('late'); CREATE TABLE tags (t); INSERT INTO tags VALUES (1), (2)");
    const { snapshot, text } = await restore({ losesWrites: true });
    expect(app.infos).toContainEqual(
      expect.stringMatching(/^core: back to the snapshot of \S+: users 11 → 10, tags 2 → gone\.$/),
    );
    expect(app.infos).toContainEqual(
      expect.stringMatching(/^system: back to .*: as many rows as today in each table\.$/),
    );
    expect(text).toContain(`\`deployer db restore ${snapshot} --lose-writes\``);
    expect([...states(app), count("core", "users")]).toEqual(["old", "old", "old", 10]);
    await restore({ run: snapshot, losesWrites: true });
    expect([count("core", "users"), count("core", "tags")]).toEqual([11, 2]);
    expect(((await snapshots()) as SnapshotList).text).toContain("before the restore of 0001_sku");
  });

  it("puts back a database that is gone, and says that there is nothing of it to keep", async () => {
    await deployed();
    rmSync(app.livePath("core"));
    await restore({ losesWrites: true });
    expect(states(app)).toEqual(["old", "old", "old"]);
    expect(app.warnings.join()).toMatch(/core \(.*core\.db\) is gone, so there is nothing of today to keep/);
  });

  it("that is killed before it began is nothing; in the middle, the next run says how a person finishes it", async () => {
    await deployed();
    killed({ on: "fs", matching: "renameSync", nth: 2 });
    await app.recover(journals(app).at(-1)!.run);
    expect([states(app), journals(app).at(-1)?.state, app.completed]).toEqual([
      ["new", "new", "new"],
      "aborted",
      false,
    ]);
    killed({ on: "fs", matching: "renameSync", nth: 3 });
    const { run } = journals(app).at(-1)!;
    await app.recover(run);
    expect(app.warnings.join()).toContain(`\`deployer db restore ${run} --lose-writes\``);
    expect([journals(app).at(-1)?.state, app.completed]).toEqual(["done", false]);
    await restore({ run, losesWrites: true });
    expect(states(app)).toEqual(["new", "new", "new"]);
  });
});

describe("snapshots", () => {
  it("are exact under writes, private, listed, and the newest three are kept", async () => {
    await using writers = await startWriters(FILES(app), { rate: 200 });
    let files: Record<string, string> = START as Record<string, string>;
    for (const n of [1, 2, 3, 4]) {
      files = { ...files, [`000${n}_t${n}`]: `CREATE TABLE t${n} AS SELECT (SELECT max(n) FROM written) AS last;` };
      await app.deploy(app.release(inAll(files)));
    }
    await writers.stop();
    const { snapshots: kept, text } = (await snapshots()) as SnapshotList;
    expect(kept.map(({ run }) => run)).toEqual(
      journals(app)
        .map(({ run }) => run)
        .reverse()
        .slice(0, 3),
    );
    expect(text).toMatch(/core: .*, before 0004_t4/);
    for (const [index, { databases }] of kept.entries()) {
      for (const { name, file } of databases) {
        const snapshot = new Database(file);
        expect(snapshot.pragma("integrity_check", { simple: true })).toBe("ok");
        // The migration itself noted how far the app was under the lock.
        const last = query(name, `SELECT last FROM t${4 - index}`)[0];
        expect(snapshot.prepare("SELECT max(n) AS last FROM written").get()).toEqual(last);
        snapshot.close();
      }
    }
    const modes = await Promise.all(
      kept.flatMap(({ databases }) => databases.map(async ({ file }) => (await app.context.fs.look(file))?.mode)),
    );
    expect(new Set(modes)).toEqual(new Set([0o600]));
    expect(readdirSync(join(app.root, ".deployer", "snapshots"))).toHaveLength(3);
  });
});

function query(name: string, sql: string): unknown[] {
  const db = new Database(app.livePath(name), { fileMustExist: true });
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}

function count(name: string, table: string): unknown {
  return (query(name, `SELECT count(*) AS n FROM ${table}`)[0] as { n: number }).n;
}

function change(name: string, sql: string): void {
  const db = new Database(app.livePath(name));
  db.exec(sql);
  db.close();
}
