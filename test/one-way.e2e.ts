import { expect } from "vitest";
import { serverWith } from "./support/apps.ts";
import { databaseApp, databaseConfig, liveColumns, liveFolder, migrationsOf } from "./support/database-app.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { type ServedApp, servedApp } from "./support/served-app.ts";
import { type Site, test } from "./support/site.ts";

// Kills the deployer as soon as the migrations are committed.
const KILLER = `
  import { existsSync } from "node:fs";
  import { join } from "node:path";
  import { definePlugin } from "@deployer/core";

  export default definePlugin(() => ({
    name: "killer",
    async migrate({ release }) {
      if (!existsSync(join(release.path, "deadly"))) return;
      process.kill(process.pid, "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    },
  }));
`;
const SAYS_SO = "-- deployer: breaks the previous release\n";
const RENAME = { "0001_rename": `${SAYS_SO}ALTER TABLE items RENAME COLUMN title TO name;` };
const UNIQUE = { "0001_unique": `${SAYS_SO}CREATE UNIQUE INDEX one_title ON items (title);` };

/** A server that runs a statement, and so dies where that fails: for every request, or not for its health route. */
function running(sql: string, where: "everywhere" | "pages", before = ""): string {
  const server = serverWith(`
    if (${where === "everywhere"} || request.url !== "/api/health") core.exec("${sql}");
    response.end(JSON.stringify({ revision }));
  `);
  return `${before}const core = require("./open.cjs").open("core");${server}`;
}

test("a run killed after it committed what breaks the served release: the next check finishes it", async ({ site }) => {
  const { app, env } = await served(site, running("SELECT title FROM items", "everywhere"));
  const second = await site.commit({
    ...migrationsOf({ core: RENAME }),
    "server.cjs": running("SELECT name FROM items", "everywhere"),
    deadly: "",
  });
  expect((await site.startDeployer(["check"], { env }).ended).signal).toBe("SIGKILL");
  expect(liveColumns(site, "core")).toEqual(["id", "name"]);
  expect(await answers(app)).toBe(false);

  const json = expectOutcome(await site.deployer(["check", "--json"], { env }), "up-to-date");

  expect(json).toMatchObject({ recovered: { outcome: "finished" }, release: { revision: second } });
  expect(await app.revision()).toBe(second);
  expect((await site.footprint()).current).toBe(`releases/${json.release?.id}`);
  expectOutcome(await site.deployer(["check", "--json"], { env }), "up-to-date");
});

test("when its release cannot take over, that is exit 5, and `db undo` makes the release before work again", async ({
  site,
}) => {
  const { app, env, revision } = await served(site, running("INSERT INTO items (title) VALUES ('one')", "pages"));
  await site.commit({
    ...migrationsOf({ core: UNIQUE }),
    "server.cjs": running(
      "SELECT title FROM items",
      "pages",
      'if (!process.env.DEPLOYER_GATE) throw new Error("only in service");',
    ),
    deadly: "",
  });
  await site.startDeployer(["check"], { env }).ended;
  expect(await answers(app)).toBe(false);
  const json = expectError(await site.deployer(["check", "--json"], { env }), "ERR_ACTIVATION_FAILED", 5);
  expect(json.error?.hint).toContain("deployer db undo");
  const undone = await site.deployer(["db", "undo"], { env });
  expect(undone.exitCode, undone.stderr).toBe(0);
  expect([await app.revision(), await answers(app)]).toEqual([revision, true]);
  expectOutcome(await site.deployer(["check", "--json"], { env }), "held");
});

async function served(
  site: Site,
  server: string,
): Promise<{ app: ServedApp; env: Record<string, string>; revision: string }> {
  const app = await servedApp(site);
  await site.put("killer.mjs", KILLER);
  const { plugin, ...rest } = databaseConfig();
  const pm2 = { healthTimeoutMs: 5_000 };
  await app.configure({ app: rest, before: [plugin, ["./killer.mjs", {}]], pm2 });
  const env = { LIVE: liveFolder(site) };
  const revision = await site.commit({ ...databaseApp(), "server.cjs": server });
  expectOutcome(await site.deployer(["check", "--json"], { env }), "deployed");
  expect(await app.revision()).toBe(revision);
  return { app, env, revision };
}

/** Whether a page is answered: a query that fails ends its worker. */
async function answers(app: ServedApp): Promise<boolean> {
  return app.get("/").then(
    ({ status }) => status === 200,
    () => false,
  );
}
