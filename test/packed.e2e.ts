import { createRequire } from "node:module";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { DATABASES, databaseApp, liveColumns, migrationsOf } from "./support/database-app.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { freePort } from "./support/free-port.ts";
import { type PackedInstall, packedInstall } from "./support/packed-install.ts";
import { type Answer, type Site, test } from "./support/site.ts";

let install: PackedInstall;

beforeAll(async () => {
  install = await packedInstall();
}, 300_000);
afterAll(() => install?.remove());

describe("the packed command, installed with no node_modules beside the config", () => {
  test("says that PM2 is missing, and with one deploys an app with three databases and takes over", async ({
    site,
  }) => {
    const port = await freePort();
    const first = await site.commit(databaseApp());
    await site.put("deployer.config.ts", config(site, port, {}));

    const missing = expectError(await deployer(site, ["check", "--json"]), "ERR_PREFLIGHT", 2);
    expect(missing.error?.message).toContain("PM2 was not found.");
    expect(await site.footprint()).toEqual({ current: null, releases: [], leftovers: [] });

    const pm2 = dirname(createRequire(import.meta.url).resolve("pm2/package.json"));
    await site.put("deployer.config.ts", config(site, port, { path: pm2 }));
    const made = expectOutcome(await deployer(site, ["check", "--json"]), "deployed");
    expect(Object.keys(made.migrated).sort()).toEqual([...DATABASES].sort());
    expect(await revision(port)).toBe(first);

    const second = await site.commit(
      migrationsOf({ core: { "0001_note": "ALTER TABLE items ADD COLUMN note TEXT;" } }),
    );
    expectOutcome(await deployer(site, ["check", "--json"]), "deployed");
    expect(await revision(port)).toBe(second);
    expect(liveColumns(site, "core")).toEqual(["id", "title", "note"]);
    expectOutcome(await deployer(site, ["check", "--json"]), "up-to-date");
  });

  test("prints its help and its version", async ({ site }) => {
    expect((await deployer(site, ["--help"])).stdout).toContain("rollback");
    expect((await deployer(site, ["--version"])).stdout).toMatch(/^@deployer\/cli\/\d/);
  });
});

function deployer(site: Site, args: readonly string[]): Promise<Answer> {
  return site.deployer(args, { command: install.command, env: { PATH: install.bareMachine } });
}

async function revision(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
  return ((await response.json()) as { revision: string }).revision;
}

function config(site: Site, port: number, pm2: object): string {
  const web = { script: "server.cjs", instances: 1, env: { PORT: String(port) } };
  const options = { apps: { web }, health: "/api/health", gate: { settleMs: 500 }, soakMs: 500, ...pm2 };
  return `
    import { defineConfig } from "@deployer/core";
    import { drizzle } from "@deployer/plugin-drizzle";
    import { git } from "@deployer/plugin-git";
    import { node } from "@deployer/plugin-node";
    import { pm2 } from "@deployer/plugin-pm2";

    const names = ["core", "system", "content"];
    const databases = names.map((name) => [name, { file: \`data/\${name}.db\`, migrations: \`drizzle/\${name}\` }]);
    export default defineConfig({
      app: "shop",
      shared: ["data/"],
      plugins: [
        git({ remote: ${JSON.stringify(site.remote)} }),
        node(),
        drizzle({ databases: Object.fromEntries(databases) }),
        pm2(${JSON.stringify(options)}),
      ],
    });
  `;
}
