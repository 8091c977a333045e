import { readdir } from "node:fs/promises";
import { expect } from "vitest";
import { bytes, configureDatabases, databaseApp, liveColumns, migrationsOf, query } from "./support/database-app.ts";
import { expectOutcome } from "./support/expect-outcome.ts";
import { test } from "./support/site.ts";

const NOTE = { "0001_note": "ALTER TABLE items ADD COLUMN note TEXT;" };

interface Snapshots {
  readonly snapshots: readonly { readonly run: string; readonly databases: readonly { readonly name: string }[] }[];
}

test("deployer db: snapshots are listed, a migration is undone with every row kept, and a restore wants the word", async ({
  site,
}) => {
  const { env } = await configureDatabases(site);
  await site.commit(databaseApp());
  expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
  await site.commit(migrationsOf({ core: NOTE, content: NOTE }));
  expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");

  const { json } = await site.deployer<Snapshots>(["db", "snapshots", "--json"], { env });
  expect(json.snapshots.map(({ databases }) => databases.map(({ name }) => name))).toEqual([["core", "content"]]);
  const text = await site.deployer(["db", "snapshots"], { env });
  expect(text.stdout).toMatch(/core: .* before 0001_note/);

  query(site, "core", "SELECT 1");
  const refused = await site.deployer(["db", "restore", "--json"], { env });
  expect([refused.exitCode, refused.json.error?.code]).toEqual([2, "ERR_WRITES_WOULD_BE_LOST"]);

  const undone = await site.deployer(["db", "undo"], { env });
  expect([undone.exitCode, undone.stdout]).toEqual([0, expect.stringMatching(/core: 0001_note undone/)]);
  expect(liveColumns(site, "core")).toEqual(["id", "title"]);
  expect(query(site, "core", "SELECT title FROM items")).toEqual([{ title: "one" }]);

  const restored = await site.deployer<{ answer: { restored: string[] } }>(
    ["db", "restore", "--lose-writes", "--json"],
    { env },
  );
  expect(restored.json.answer.restored).toEqual(["core", "content"]);
  expect(await readdir(site.at("root/.deployer/migrations"))).toHaveLength(2);
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
