import { realpath, symlink } from "node:fs/promises";
import { describe, expect } from "vitest";
import { serverWith, webApp } from "./support/apps.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { servedApp } from "./support/served-app.ts";
import { test } from "./support/site.ts";

const BAD = serverWith(`
  response.statusCode = 500;
  response.end(JSON.stringify({ ok: false, revision }));`);

describe("a root whose path has a symbolic link in it", () => {
  test("is the same root by both names: a bad release is undone, and nobody is refused", async ({ site }) => {
    const served = await servedApp(site);
    // No trial: what is bad is seen in service only.
    await served.configure({ pm2: { gate: false, healthTimeoutMs: 4_000 } });
    await symlink("root", site.at("link"));
    const byLink = (...args: string[]) =>
      site.deployer([...args, "--config", site.at("link/deployer.config.json"), "--json"]);

    const first = await site.commit(webApp("1"));
    expectOutcome(await byLink("check"), "deployed");
    await site.commit({ ...webApp("2"), "server.cjs": BAD });
    const load = served.load();
    expectError(await byLink("check"), "ERR_ACTIVATION_FAILED", 4);
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
    expect(await served.revision()).toBe(first);

    const third = await site.commit(webApp("3"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(await served.revision()).toBe(third);
    const fourth = await site.commit(webApp("4"));
    expectOutcome(await byLink("check"), "deployed");
    expect(await served.revision()).toBe(fourth);
    const cwds = (await site.pm2.list()).map(({ pm2_env }) => (pm2_env as unknown as { pm_cwd: string }).pm_cwd);
    expect(cwds).toEqual(Array(2).fill(`${await realpath(site.root)}/current`));
  });
});
