import { existsSync } from "node:fs";
import { readdir, rename } from "node:fs/promises";
import { describe, expect } from "vitest";
import {
  bytes,
  configureDatabases,
  DATABASES,
  databaseApp,
  databaseConfig,
  databaseServer,
  liveColumns,
  liveFolder,
  migrationsOf,
  query,
  schemas,
} from "./support/database-app.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { processesOf } from "./support/processes.ts";
import { servedApp } from "./support/served-app.ts";
import { type Site, test } from "./support/site.ts";
import { until } from "./support/until.ts";

const NOTE = "ALTER TABLE items ADD COLUMN note TEXT;";
const UNIQUE = "-- deployer: breaks the previous release\nCREATE UNIQUE INDEX one_title ON items (title);";
const ALL_PENDING = { core: { "0001_note": NOTE }, system: { "0001_note": NOTE }, content: { "0001_unique": UNIQUE } };

describe("three databases", () => {
  test("that are not there yet are made with the first deployment, and left alone when nothing is pending", async ({
    site,
  }) => {
    const { env } = await configureDatabases(site);
    await site.commit(databaseApp());
    const first = expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
    expect(first.migrated).toEqual({ core: ["0000_init"], system: ["0000_init"], content: ["0000_init"] });
    for (const name of DATABASES) expect(query(site, name, "SELECT title FROM items")).toEqual([{ title: "one" }]);
    const seen = JSON.parse(await site.read("current/seen.json"));
    expect(seen.copy).toEqual({ core: ["id", "title"], system: ["id", "title"], content: ["id", "title"] });
    expect(seen.live).toEqual({ core: null, system: null, content: null });

    const before = bytes(site);
    await site.commit({ "note.txt": "nothing about databases" });
    const second = expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
    expect(second.migrated).toEqual({});
    expect(bytes(site)).toEqual(before);
    expect(await filesBesideDatabases(site)).toEqual([]);
  });

  test("are migrated together; the build sees the new schema on copies while the live files have the old one", async ({
    site,
  }) => {
    const { env } = await configureDatabases(site);
    await site.commit(databaseApp());
    expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");

    await site.commit(migrationsOf({ core: { "0001_note": NOTE }, content: { "0001_note": NOTE } }));
    const json = expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");

    expect(json.migrated).toEqual({ core: ["0001_note"], content: ["0001_note"] });
    const seen = JSON.parse(await site.read("current/seen.json"));
    expect(seen.copy).toEqual({
      core: ["id", "title", "note"],
      system: ["id", "title"],
      content: ["id", "title", "note"],
    });
    expect(seen.live).toEqual({ core: ["id", "title"], system: ["id", "title"], content: ["id", "title"] });
    expect(liveColumns(site, "core")).toEqual(["id", "title", "note"]);
    expect(liveColumns(site, "system")).toEqual(["id", "title"]);
    expect(await readdir(site.at("root/current"))).not.toContain(".rehearsal");
    const text = await site.deployer(["history"]);
    expect(text.exitCode).toBe(0);
  });

  test("are as before when the third fails after two ran under the held transactions", async ({ site }) => {
    const { env } = await configureDatabases(site);
    await site.commit(databaseApp());
    expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
    const before = { footprint: await site.footprint(), schemas: schemas(site), bytes: bytes(site) };

    // The copy was made before the build: only the live file has the duplicate, and only the migrate stage meets it.
    await site.commit({
      ...migrationsOf(ALL_PENDING),
      "build.cjs": `
        const { DatabaseSync } = require("node:sqlite");
        const live = new DatabaseSync(process.env.LIVE + "/content.db");
        live.exec("INSERT INTO items (title) VALUES ('one')");
        live.close();
      `,
    });
    const json = expectError(await site.deployer(["check", "--json"], { env }), "ERR_MIGRATION_FAILED", 4);

    expect(json.error?.message).toContain("0001_unique");
    expect(json.error?.message).toContain("content");
    expect(json.stages.at(-1)).toMatchObject({ name: "migrate", outcome: "failed" });
    expect(json.migrated).toEqual({});
    expect(schemas(site)).toEqual(before.schemas);
    const { "content.db": _, "content.db-wal": __, ...others } = bytes(site);
    expect(before.bytes).toMatchObject(others);
    expect(query(site, "content", "SELECT title FROM items")).toEqual([{ title: "one" }, { title: "one" }]);
    expect(await site.footprint()).toEqual(before.footprint);
    expect(await filesBesideDatabases(site)).toEqual([]);
    expectOutcome(await site.deployer(["check", "--json"], { env }), "held");
  });

  test("are only read when a migration fails on the copies already", async ({ site }) => {
    const { env } = await configureDatabases(site);
    await site.commit(databaseApp());
    expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
    const before = { footprint: await site.footprint(), bytes: bytes(site) };
    await site.commit(migrationsOf({ system: { "0001_wrong": "ALTER TABLE nothing ADD COLUMN note TEXT;" } }));
    const json = expectError(await site.deployer(["check", "--json"], { env }), "ERR_MIGRATION_FAILED", 4);
    expect(json.error?.message).toContain("0001_wrong");
    expect(json.stages.at(-1)).toMatchObject({ name: "link", outcome: "failed" });
    expect({ footprint: await site.footprint(), bytes: bytes(site) }).toEqual(before);
  });

  test("stop the run when an applied migration was edited, and when one lies under no shared path", async ({
    site,
  }) => {
    const { env } = await configureDatabases(site);
    await site.commit(databaseApp());
    expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
    const before = { footprint: await site.footprint(), bytes: bytes(site) };
    await site.commit({ "drizzle/core/0000_init.sql": "CREATE TABLE items (id INTEGER PRIMARY KEY);" });
    expectError(await site.deployer(["check", "--json"], { env }), "ERR_MIGRATION_EDITED", 4);
    const { plugin } = databaseConfig();
    await site.configure({ plugins: [["@deployer/plugin-git", { remote: site.remote }], plugin] });
    expectError(await site.deployer(["deploy", "--json"], { env }), "ERR_DATABASE_NOT_SHARED", 2);
    expect({ footprint: await site.footprint(), bytes: bytes(site) }).toEqual(before);
  });

  test("missing one day are not made anew: perhaps a volume is not mounted", async ({ site }) => {
    const { env } = await configureDatabases(site);
    await site.commit(databaseApp());
    expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
    const elsewhere = site.at("root/shared/elsewhere");
    await rename(liveFolder(site), elsewhere);
    await site.commit({ "note.txt": "a change" });
    expectError(await site.deployer(["check", "--json"], { env }), "ERR_DATABASE_MISSING", 2);
    expect(existsSync(liveFolder(site))).toBe(false);
    await rename(elsewhere, liveFolder(site));
    expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
  });
});

describe("three databases of an app under PM2", () => {
  test("are migrated under load without a failed request", async ({ site }) => {
    const { app, env } = await served(site);
    const load = app.load();
    const second = await site.commit(
      migrationsOf({ core: { "0001_note": NOTE }, system: { "0001_note": NOTE }, content: { "0001_note": NOTE } }),
    );
    const json = expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
    expect(json.migrated).toEqual({ core: ["0001_note"], system: ["0001_note"], content: ["0001_note"] });
    await until("the new release has answered a hundred times", () => (load.now().byRevision[second] ?? 0) > 100);
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
    const answer = JSON.parse((await app.get()).text) as { columns: string[][]; rows: number[] };
    expect(answer).toMatchObject({ columns: Array(3).fill(["id", "title", "note"]), rows: [1, 1, 1] });
  });

  test("are byte for byte the same after a release that writes and then crashes at its start", async ({ site }) => {
    const { app, env, revision } = await served(site);
    const before = { footprint: await site.footprint(), bytes: bytes(site), schemas: schemas(site) };
    const load = app.load();
    await site.commit({
      ...migrationsOf({ core: { "0001_note": NOTE } }),
      "server.cjs": databaseServer(`
        for (const db of databases) db.exec("INSERT INTO items (title) VALUES ('written by the trial')");
        throw new Error("this one crashes");
      `),
    });
    const json = expectError(await site.deployer(["check", "--json"], { env }), "ERR_CANDIDATE_DIED", 4);
    expect(json.error?.message).toContain("this one crashes");
    expect(json.migrated).toEqual({});
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
    expect(await app.revision()).toBe(revision);
    expect({ footprint: await site.footprint(), bytes: bytes(site), schemas: schemas(site) }).toEqual(before);
  });

  test("stay migrated when the activation fails later, and text and JSON name the migrations", async ({ site }) => {
    const { app, env, revision } = await served(site);
    const before = await site.footprint();
    const load = app.load();
    await site.commit({
      ...migrationsOf({ core: { "0001_note": NOTE }, content: { "0001_note": NOTE } }),
      "server.cjs": `if (!process.env.DEPLOYER_GATE) throw new Error("only in service");${databaseServer("")}`,
    });
    const json = expectError(await site.deployer(["check", "--json"], { env }), "ERR_ACTIVATION_FAILED", 4);
    expect(json.migrated).toEqual({ core: ["0001_note"], content: ["0001_note"] });
    expect(liveColumns(site, "core")).toEqual(["id", "title", "note"]);
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
    expect(await app.revision()).toBe(revision);
    expect(await site.footprint()).toEqual(before);
    const again = await site.deployer(["deploy"], { env });
    expect(again.exitCode).toBe(4);
    expect(again.stderr).not.toContain("Migrated");
    await site.commit({ "server.cjs": databaseServer("") });
    const mended = expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
    expect(mended.migrated).toEqual({});
  });

  test("stay migrated after a rollback, which says so", async ({ site }) => {
    const { app, env, revision } = await served(site);
    await site.commit(migrationsOf({ core: { "0001_note": NOTE } }));
    const text = await site.deployer(["check"], { env });
    expect(text.exitCode, text.stderr).toBe(0);
    expect(text.stdout).toContain("Migrated core: 0001_note.");
    const json = expectOutcome(await site.deployer(["rollback", "--json"], { env }), "rolled-back");
    expect(json.warnings.join()).toContain("stays applied");
    expect(await app.revision()).toBe(revision);
    expect(liveColumns(site, "core")).toEqual(["id", "title", "note"]);
  });

  test("are whole after a SIGKILL during activation, and the next check settles the rest", async ({ site }) => {
    const { app, env } = await served(site);
    const before = await site.footprint();
    const load = app.load();
    const second = await site.commit(migrationsOf(ALL_PENDING));
    const running = site.startDeployer(["check"], { env });
    await until("current points at the new release", async () => (await site.footprint()).current !== before.current);
    running.kill("SIGKILL");
    await running.ended;
    expect(liveColumns(site, "core")).toEqual(["id", "title", "note"]);
    // One of the migrations says that it breaks the release before: so there is only the way forward.
    const json = expectOutcome(await site.deployer(["check", "--json"], { env }), "up-to-date");
    expect(json).toMatchObject({ recovered: { outcome: "finished" }, migrated: {} });
    expect(await app.revision()).toBe(second);
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
    const started = (await processesOf(site.folder)).filter(({ command }) => command.includes("packages/cli"));
    expect(started).toEqual([]);
  });
});

async function served(site: Site): Promise<{
  app: Awaited<ReturnType<typeof servedApp>>;
  env: Record<string, string>;
  revision: string;
}> {
  const app = await servedApp(site);
  const { plugin, ...rest } = databaseConfig();
  await app.configure({ app: rest, before: [plugin], pm2: { healthTimeoutMs: 5_000 } });
  const env = { LIVE: liveFolder(site) };
  const revision = await site.commit(databaseApp());
  expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
  return { app, env, revision };
}

/** What lies beside the databases and is none of theirs. */
async function filesBesideDatabases(site: Site): Promise<string[]> {
  return (await readdir(liveFolder(site))).filter((name) => !/^(core|system|content)\.db(-wal|-shm)?$/.test(name));
}
