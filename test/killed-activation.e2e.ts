import { describe, expect } from "vitest";
import { webApp } from "./support/apps.ts";
import { expectOutcome } from "./support/expect-outcome.ts";
import { processesOf } from "./support/processes.ts";
import { servedApp } from "./support/served-app.ts";
import { type Site, test } from "./support/site.ts";
import { until } from "./support/until.ts";

test("a deployer killed while a candidate is on trial leaves the site alone, and the next check ends the trial", async ({
  site,
}) => {
  const app = await servedApp(site);
  await app.configure({ instances: 1, pm2: { gate: { settleMs: 120_000 } } });
  await site.commit(webApp("1"));
  const killed = site.startDeployer(["check"]);
  const trial = await until("a candidate runs", async () => {
    const found = (await processesOf(site.folder)).filter(({ command }) => command.endsWith("/server.cjs"));
    return found.length > 0 ? found : undefined;
  });
  killed.kill("SIGKILL");
  await killed.ended;
  expect(await processesOf(site.folder)).toEqual(trial);
  expect((await site.footprint()).current).toBeNull();

  await app.configure({ instances: 1 });
  const json = expectOutcome(await site.deployer(["check", "--json"]), "deployed");

  expect(json.recovered).toMatchObject({ outcome: "undone" });
  const left = (await processesOf(site.folder)).map(({ pid }) => pid);
  for (const { pid } of trial) expect(left).not.toContain(pid);
  expect(await site.footprint()).toEqual({
    current: `releases/${json.release?.id}`,
    releases: [json.release?.id],
    leftovers: [],
  });
});

describe("a deployer killed during activation", () => {
  test("leaves a site that serves, and the next check brings every worker to one release", async ({ site }) => {
    const app = await servedApp(site);
    await app.configure();
    await site.commit(webApp("1"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const before = await site.footprint();
    const load = app.load();

    const second = await site.commit(webApp("2"));
    await killWhenSwitched(site, before.current);
    const json = expectOutcome(await site.deployer(["check", "--json"]), "deployed");

    expect(json).toMatchObject({ recovered: { outcome: "undone" }, release: { revision: second } });
    expect(await app.revision()).toBe(second);
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
    expect(await site.footprint()).toEqual({
      current: `releases/${json.release?.id}`,
      releases: [...before.releases, json.release?.id].sort(),
      leftovers: [],
    });
    expect((await site.pm2.list()).map(({ pm2_env }) => pm2_env.status)).toEqual(["online", "online"]);
  });

  test("of the very first release leaves nothing half-started, and the next check deploys", async ({ site }) => {
    const app = await servedApp(site);
    await app.configure();
    const hash = await site.commit(webApp("1"));
    await killWhenSwitched(site, null);
    const json = expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(json.recovered).toMatchObject({ outcome: "undone" });
    expect(await app.revision()).toBe(hash);
    expect((await site.footprint()).releases).toEqual([json.release?.id]);
    expect((await site.pm2.list()).map(({ pm2_env }) => pm2_env.status)).toEqual(["online", "online"]);
  });
});

/** Deploys, and kills the deployer at the moment at which `current` points at the new release. */
async function killWhenSwitched(site: Site, before: string | null): Promise<void> {
  const running = site.startDeployer(["check", "--json"]);
  await until("current points at the new release", async () => (await site.footprint()).current !== before);
  running.kill("SIGKILL");
  expect((await running.ended).signal).toBe("SIGKILL");
}
