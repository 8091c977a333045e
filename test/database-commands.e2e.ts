import { mkdir } from "node:fs/promises";
import { expect } from "vitest";
import {
  bytes,
  configureDatabases,
  databaseApp,
  liveColumns,
  liveFolder,
  migrationsOf,
  query,
  write,
} from "./support/database-app.ts";
import { expectOutcome } from "./support/expect-outcome.ts";
import { test } from "./support/site.ts";

const NOTE = { "0001_note": "ALTER TABLE items ADD COLUMN note TEXT;" };

// Kills the process before the third time that it writes the journal of a migration.
const KILLER = `
  import fs from "node:fs";
  import { syncBuiltinESMExports } from "node:module";

  const rename = fs.renameSync;
  let left = 3;
  fs.renameSync = (from, to) => {
    if (to.includes(".deployer/migrations/") && --left === 0) process.kill(process.pid, "SIGKILL");
    rename(from, to);
  };
  syncBuiltinESMExports();
`;

interface Snapshots {
  readonly snapshots: readonly { readonly run: string; readonly databases: readonly { readonly name: string }[] }[];
}

test("deployer db: snapshots are listed, an undo says what it takes before it acts, and a restore wants the word", async ({
  site,
}) => {
  const { env } = await configureDatabases(site);
  await site.commit(databaseApp());
  expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
  await site.commit(migrationsOf({ core: NOTE, content: NOTE }));
  expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
  write(site, "core", "INSERT INTO items (title, note) VALUES ('two', 'of a visitor')");

  const { json } = await site.deployer<Snapshots>(["db", "snapshots", "--json"], { env });
  expect(json.snapshots.map(({ databases }) => databases.map(({ name }) => name))).toEqual([["core", "content"]]);
  const text = await site.deployer(["db", "snapshots"], { env });
  expect(text.stdout).toMatch(/core: .* before 0001_note/);

  const needed = await site.deployer(["db", "undo", "--lose-rows"], { env });
  expect([needed.exitCode, needed.stderr]).toEqual([2, expect.stringContaining("first: `deployer rollback`")]);
  expectOutcome(await site.deployer(["rollback", "--json"], { env }), "rolled-back");
  query(site, "core", "SELECT 1");
  const refused = await site.deployer(["db", "restore", "--json"], { env });
  expect([refused.exitCode, refused.json.error?.code]).toEqual([2, "ERR_WRITES_WOULD_BE_LOST"]);
  const before = { footprint: await site.footprint(), bytes: bytes(site) };
  const lossy = await site.deployer(["db", "undo"], { env });
  expect(lossy.exitCode).toBe(2);
  expect(lossy.stderr).toContain("core: undoing 0001_note: lost with it: items.note (1 row has a value).");
  expect(lossy.stderr).toContain("ERR_ROWS_WOULD_BE_LOST: ");
  expect({ footprint: await site.footprint(), bytes: bytes(site) }).toEqual(before);

  const undone = await site.deployer(["db", "undo", "--lose-rows"], { env });
  expect([undone.exitCode, undone.stdout]).toEqual([0, expect.stringMatching(/core: 0001_note undone; lost with it/)]);
  expect(liveColumns(site, "core")).toEqual(["id", "title"]);
  expect(query(site, "core", "SELECT title FROM items")).toEqual([{ title: "one" }, { title: "two" }]);
  const snapshot = /deployer db restore (\S+)`/.exec(undone.stdout)?.[1] as string;
  const { stdout } = await site.deployer(["history"], { env });
  expect(stdout).toContain(`${snapshot}  db undo --lose-rows: done`);
  expect(stdout).toContain("db undo: failed  ERR_ROWS_WOULD_BE_LOST");

  // Back before the undo: what it took is there again.
  const redo = ["db", "restore", snapshot, "--lose-writes", "--json"];
  const restored = await site.deployer<{ answer: { restored: string[] } }>(redo, { env });
  expect(restored.json.answer.restored).toEqual(["core", "content"]);
  expect(query(site, "core", "SELECT note FROM items WHERE id = 2")).toEqual([{ note: "of a visitor" }]);

  // Killed when all is committed and its journal does not say so yet: the next run finds it done.
  await site.put("killer.mjs", KILLER);
  const dying = { ...env, NODE_OPTIONS: `--import=${site.at("root/killer.mjs")}` };
  expect((await site.startDeployer(["db", "undo", "--lose-rows"], { env: dying }).ended).signal).toBe("SIGKILL");
  const settled = expectOutcome(await site.deployer(["check", "--json"], { env }), "held");
  expect(settled.recovered).toMatchObject({ outcome: "finished" });
  expect([liveColumns(site, "core"), liveColumns(site, "content")]).toEqual(Array(2).fill(["id", "title"]));
  const then = await site.deployer(["history"], { env });
  expect(then.stdout).toContain(`${settled.recovered?.run}  db undo --lose-rows: done`);
});

interface Plan {
  readonly revision: { readonly hash: string; readonly ref: string };
  readonly databases: readonly { readonly name: string; readonly verdict: string }[];
}

test("deployer db plan shows what the watched branch would change, or a branch that is named, and leaves nothing behind", async ({
  site,
}) => {
  const { env } = await configureDatabases(site);
  await site.commit(databaseApp());
  expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
  const before = { footprint: await site.footprint(), bytes: bytes(site) };
  const update = { "0001_more": `${NOTE["0001_note"]}--> statement-breakpoint\nUPDATE items SET note = title;` };
  const hash = await site.commit(migrationsOf({ core: update }));

  const text = await site.deployer(["db", "plan"], { env });
  expect([text.exitCode, text.stderr]).toEqual([0, ""]);
  expect(text.stdout).toContain(`main at ${hash.slice(0, 7)}:`);
  expect(text.stdout).toContain("UPDATE items SET note = title; -- 1 row\n");
  expect(text.stdout).toMatch(/writers would wait for about \d+ ms/);
  const { json } = await site.deployer<Plan>(["db", "plan", "main", "--json"], { env });
  expect(json).toMatchObject({ revision: { hash, ref: "main" }, databases: [{ name: "core", verdict: "safe" }] });
  expect(json).not.toHaveProperty("text");
  const unknown = await site.deployer(["db", "plan", "nobody", "--json"], { env });
  expect([unknown.exitCode, unknown.json.error?.code]).toEqual([2, "ERR_REF_MISSING"]);
  expect({ footprint: await site.footprint(), bytes: bytes(site) }).toEqual(before);
});

test("deployer db baseline comes before the first deployment, whose error names it: then that deployment passes", async ({
  site,
}) => {
  const { env } = await configureDatabases(site);
  await site.commit(databaseApp());
  // As drizzle-kit push makes it: the tables, and no record of migrations.
  await mkdir(liveFolder(site), { recursive: true });
  const items = "CREATE TABLE items (id INTEGER PRIMARY KEY, title TEXT NOT NULL)";
  write(site, "core", `PRAGMA journal_mode = WAL; ${items}; INSERT INTO items (title) VALUES ('mine')`);
  const failed = await site.deployer(["check"], { env });
  expect([failed.exitCode, failed.stderr]).toEqual([
    4,
    expect.stringContaining("`deployer db baseline`, then `deployer deploy`"),
  ]);

  const baseline = await site.deployer<{ answer: object }>(["db", "baseline", "--json"], { env });
  expect([baseline.exitCode, baseline.json.answer]).toEqual([0, { recorded: { core: ["0000_init"] } }]);

  expectOutcome(await site.deployer(["deploy", "--json"], { env }), "deployed");
  expect(query(site, "core", "SELECT title FROM items")).toEqual([{ title: "mine" }]);
  expect(query(site, "system", "SELECT title FROM items")).toEqual([{ title: "one" }]);
});
