import { expect } from "vitest";
import {
  databaseApp,
  databaseConfig,
  databaseServer,
  liveColumns,
  liveFolder,
  migrationsOf,
} from "./support/database-app.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { servedApp } from "./support/served-app.ts";
import { test } from "./support/site.ts";

/** A server whose health needs a column; in service it is told healthy without, so that its undo is quick. */
const NEEDS_TITLE = databaseServer(`if (process.env.DEPLOYER_GATE) databases[0].prepare("SELECT title FROM items");`);
const RENAME = "ALTER TABLE items RENAME COLUMN title TO name;";
const ACKNOWLEDGED = `-- deployer: breaks the previous release\n${RENAME}`;

test("a rename is refused while the running release needs the column; acknowledged, there is no way back but a person's", async ({
  site,
}) => {
  const app = await servedApp(site);
  const { plugin, ...rest } = databaseConfig();
  await app.configure({ app: rest, before: [plugin], pm2: { healthTimeoutMs: 5_000 } });
  const check = () => site.deployer(["check", "--json"], { env: { LIVE: liveFolder(site) } });
  const first = await site.commit({ ...databaseApp(), "server.cjs": NEEDS_TITLE });
  expectOutcome(await check(), "deployed");

  await site.commit({ ...migrationsOf({ core: { "0001_rename": RENAME } }), "server.cjs": databaseServer("") });
  const refused = expectError(await check(), "ERR_MIGRATION_BREAKS", 4);
  expect(refused.error?.message).toContain("items.title");
  expect([await app.revision(), liveColumns(site, "core")]).toEqual([first, ["id", "title"]]);

  // It runs out of traffic, and fails in service: what was committed is not safe for the release before.
  await site.commit({
    ...migrationsOf({ core: { "0001_rename": ACKNOWLEDGED } }),
    "server.cjs": `if (!process.env.DEPLOYER_GATE) throw new Error("only in service");${databaseServer("")}`,
  });
  const { exitCode, json } = await check();
  expect([exitCode, json.outcome, json.migrated]).toEqual([5, "failed", { core: ["0001_rename"] }]);
  expect(json.warnings.join("\n")).toMatch(/There will be no rollback: .*no such column: title/s);
  expect(json.error).toMatchObject({
    message: expect.stringContaining("0001_rename"),
    hint: expect.stringContaining("deployer db undo"),
  });
  expect(liveColumns(site, "core")).toEqual(["id", "name"]);

  const undo = await site.deployer(["db", "undo", "--json"]);
  expect([undo.exitCode, undo.json.error]).toEqual([
    2,
    expect.objectContaining({ code: "ERR_UNDO_IMPOSSIBLE", hint: expect.stringContaining("--lose-writes") }),
  ]);
  expect((await site.deployer(["db", "restore", "--lose-writes"])).exitCode).toBe(0);
  expect(liveColumns(site, "core")).toEqual(["id", "title"]);
});
