import { createRequire } from "node:module";
import { describe, expect } from "vitest";
import { webApp } from "./support/apps.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { freePort } from "./support/free-port.ts";
import { processesOf } from "./support/processes.ts";
import { type Site, test } from "./support/site.ts";

const PM2 = createRequire(import.meta.url).resolve("pm2/bin/pm2");

/** The app with an ecosystem file, which PM2's own command is given in activate. */
function app(version: string, port: number, more: object = {}): Record<string, string> {
  const shop = { name: "shop", script: "server.cjs", cwd: ".", env: { PORT: String(port) }, ...more };
  return { ...webApp(version), "ecosystem.config.json": JSON.stringify({ apps: [shop] }) };
}

/** Dies where it is told to, once. */
const DIES = `
  import { existsSync, rmSync } from "node:fs";
  import { setTimeout } from "node:timers/promises";
  import { definePlugin } from "@deployer/core";

  export default definePlugin(() => ({
    name: "dies",
    async cleanup({ config }) {
      if (!existsSync(config.root + "/die")) return;
      rmSync(config.root + "/die");
      process.kill(process.pid, "SIGKILL");
      await setTimeout(60_000);
    },
  }));
`;

async function configure(site: Site, smoke: string): Promise<void> {
  await site.put("dies.mjs", DIES);
  const text = `
    import { command, defineConfig } from "@deployer/core";
    import git from "@deployer/plugin-git";
    import dies from "./dies.mjs";

    export default defineConfig({
      app: "shop",
      env: ["PM2_HOME"],
      plugins: [
        git({ remote: ${JSON.stringify(site.remote)} }),
        command({ name: "pm2", stage: "activate", run: [process.execPath, ${JSON.stringify(PM2)}, "startOrReload", "ecosystem.config.json"] }),
        command({ name: "smoke", stage: "activate", run: ["sh", "-c", ${JSON.stringify(smoke)}] }),
        dies(),
      ],
    });`;
  await site.put("deployer.config.mjs", text);
}

const statuses = async (site: Site) => (await site.pm2.list()).map(({ name, pm2_env }) => `${name} ${pm2_env.status}`);

describe("a service that a command of activate has started", () => {
  test("goes on serving when the deployer is killed after the release was accepted", async ({ site }) => {
    const port = await freePort();
    await configure(site, "true");
    await site.put("die", "");
    const hash = await site.commit(app("1", port));
    const killed = site.startDeployer(["check"]);
    expect((await killed.ended).signal).toBe("SIGKILL");
    const daemon = await site.pm2.daemon();
    expect(daemon).toBeDefined();

    const json = expectOutcome(await site.deployer(["check", "--json"]), "up-to-date");
    expect(json).toMatchObject({ recovered: { outcome: "finished" }, release: { revision: hash } });
    expect(await site.pm2.daemon()).toBe(daemon);
    expect(await statuses(site)).toEqual(["shop online"]);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain("version 1");
  });

  test("goes with a first deployment that fails, but no daemon that was there before", async ({ site }) => {
    const port = await freePort();
    await configure(site, "exit 1");
    await site.commit(app("1", port));
    expectError(await site.deployer(["check", "--json"]), "ERR_COMMAND_FAILED", 4);
    expect(await processesOf(site.folder)).toEqual([]);

    await site.put("other.cjs", "setInterval(() => {}, 1000);");
    await site.pm2.run("start", site.at("root", "other.cjs"), "--name", "other");
    const daemon = await site.pm2.daemon();
    expectError(await site.deployer(["deploy", "--json"]), "ERR_COMMAND_FAILED", 4);
    expect(await site.pm2.daemon()).toBe(daemon);
    expect(await statuses(site)).toContain("other online");
  });
});
