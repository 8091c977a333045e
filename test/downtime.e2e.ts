import { rm } from "node:fs/promises";
import type { RunResult, Status } from "@deployer/core";
import { describe, expect } from "vitest";
import { serverWith, webApp } from "./support/apps.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { freePort } from "./support/free-port.ts";
import { processesOf } from "./support/processes.ts";
import { servedApp } from "./support/served-app.ts";
import { type Site, test } from "./support/site.ts";
import { until } from "./support/until.ts";

const check = (site: Site) => site.deployer(["check", "--json"]);
const downtimes = async (site: Site) => (await site.deployer<Status>(["status", "--json"])).json.downtimes;

/** Ends PM2's daemon as the kernel does when memory runs out. */
async function killDaemon(site: Site): Promise<void> {
  const pid = (await site.pm2.daemon()) as number;
  process.kill(pid, "SIGKILL");
  await until("the daemon has ended", async () => (await processesOf(site.folder)).every((found) => found.pid !== pid));
}

/** What is left after a reboot: files. */
async function reboot(site: Site): Promise<void> {
  await killDaemon(site);
  for (const { pid } of await processesOf(site.folder)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended with the daemon.
    }
  }
  await until("nothing runs", async () => (await processesOf(site.folder)).length === 0);
  for (const name of ["rpc.sock", "pub.sock", "pm2.pid"]) await rm(`${site.pm2.path}/${name}`, { force: true });
}

function expectRestored({ json }: { readonly json: RunResult }, problem: string): void {
  expect(json, json.error?.message).toMatchObject({ outcome: "up-to-date", exitCode: 0 });
  expect(json.warnings).toContainEqual(
    expect.stringContaining(`${problem} Release ${json.release?.id} was started again`),
  );
}

describe("a site that is down", () => {
  test("without its daemon is brought back by the next check, also what the daemon has left on its port", async ({
    site,
  }) => {
    const app = await servedApp(site);
    const port = String(await freePort());
    const web = { script: "server.cjs", instances: 2, env: { PORT: new URL(app.url).port }, health: "/api/health" };
    // In fork mode: it outlives the daemon.
    const queue = { script: "queue.cjs", env: { PORT: port } };
    await app.configure({ pm2: { apps: { web, queue }, health: undefined } });
    const hash = await site.commit({ ...webApp("1"), "queue.cjs": serverWith("response.end(String(process.pid));") });
    expectOutcome(await check(site), "deployed");
    const queuePid = (): Promise<string> => fetch(`http://127.0.0.1:${port}/`).then((response) => response.text());
    const before = await queuePid();
    expectOutcome(await check(site), "up-to-date");
    expect(await downtimes(site)).toEqual([]);

    await killDaemon(site);
    expect(await queuePid()).toBe(before);
    expect((await site.deployer(["status"])).stdout).toContain("down       PM2 is not running.");
    expectRestored(await check(site), "PM2 is not running.");
    expect(await app.revision()).toBe(hash);
    expect(await queuePid()).not.toBe(before);

    await reboot(site);
    expectRestored(await check(site), "PM2 is not running.");
    expect(await app.revision()).toBe(hash);
    expect((await site.pm2.list()).map(({ name, pm2_env }) => `${name} ${pm2_env.status}`).sort()).toEqual([
      "queue online",
      "web online",
      "web online",
    ]);
    expect((await check(site)).json).toMatchObject({ outcome: "up-to-date", exitCode: 0, warnings: [] });
  });

  test("because a person has stopped it is told and left so; what was deleted, there or on disk, is started again", async ({
    site,
  }) => {
    const app = await servedApp(site);
    await app.configure({ instances: 1 });
    const hash = await site.commit(webApp("1"));
    expectOutcome(await check(site), "deployed");

    await site.pm2.run("stop", "web");
    const told = expectError(await check(site), "ERR_NOT_SERVED", 5);
    expect(told.error?.message).toContain("Stopped: 1 of 1 workers of web.");
    expect((await site.deployer(["check", "--quiet"])).stderr).toContain("pm2 start web");
    expect((await site.pm2.list())[0]?.pm2_env.status).toBe("stopped");
    expect(await downtimes(site)).toMatchObject([{ plugin: "pm2", canRestore: false }]);

    await site.pm2.run("delete", "web");
    expectRestored(await check(site), "PM2 has no process of this app.");
    expect(await app.revision()).toBe(hash);

    await rm(`${site.root}/releases`, { recursive: true });
    expectOutcome(await check(site), "deployed");
    expect(await app.revision()).toBe(hash);
  });

  test("because PM2 died in a reload is not held and forgotten: the next check brings it back", async ({ site }) => {
    const app = await servedApp(site);
    await app.configure();
    const first = await site.commit(webApp("1"));
    const { release } = expectOutcome(await check(site), "deployed");
    await site.commit(webApp("2"));
    const running = site.startDeployer(["check", "--json"]);
    await until("a worker of the new release", async () => {
      const { current } = await site.footprint();
      return (
        current !== `releases/${release?.id}` &&
        (await site.pm2.list()).some(({ pm2_env }) => pm2_env.status === "launching")
      );
    });
    await killDaemon(site);
    const { exitCode, stdout } = await running.ended;
    expect(exitCode).toBe(5);
    expect(stdout).toContain("ERR_ACTIVATION_FAILED");
    // Whether anything still serves is not for the failed reload to say.
    expect(stdout).not.toContain("serves on");

    const { json } = await check(site);
    expect(json, json.error?.message).toMatchObject({ outcome: "held", exitCode: 0, release: { id: release?.id } });
    expect(await app.revision()).toBe(first);
    expect(json.warnings).toContainEqual(expect.stringContaining("was started again"));
  });
});
