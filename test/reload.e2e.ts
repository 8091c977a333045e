import { utimes } from "node:fs/promises";
import type { Status } from "@deployer/core";
import { describe, expect } from "vitest";
import { serverWith, webApp } from "./support/apps.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { servedApp } from "./support/served-app.ts";
import { test } from "./support/site.ts";

const CHOOSY = serverWith(`
  if (request.url !== "/api/health") return response.end(mood);
  response.statusCode = mood === "bad" ? 500 : 200;
  response.end(JSON.stringify({ ok: true, revision }));`);

/** Reads its shared file once, at its start. */
const app = {
  ...webApp(),
  "server.cjs": `const mood = require("node:fs").readFileSync(__dirname + "/mood.txt", "utf8").trim();${CHOOSY}`,
};

describe("after a change of a shared file", () => {
  test("status says so, and reload brings it into service without a failed request", async ({ site }) => {
    const served = await servedApp(site);
    await served.configure({ app: { shared: ["mood.txt"] } });
    await site.put("shared/mood.txt", "calm");
    await site.commit(app);
    const { release } = expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const before = await site.deployer<Status>(["status", "--json"]);
    expect(before.json.plugins.pm2?.lines).toEqual(["web: 2 of 2 online"]);

    const file = await site.put("shared/mood.txt", "merry");
    const soon = new Date(Date.now() + 1_000);
    await utimes(file, soon, soon);
    expect((await site.deployer(["status"])).stdout).toContain("web has not read the newer mood.txt");
    const load = served.load();
    const json = expectOutcome(await site.deployer(["reload", "--json"]), "reloaded");
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
    expect(json).toMatchObject({ release, previous: release });
    expect(json.stages.map(({ name }) => name)).toEqual(["gate", "activate", "cleanup"]);
    expect((await served.get()).text).toBe("merry");
    expect((await site.deployer(["history"])).stdout).toContain("reload: reloaded");
  });

  test("reload leaves the workers that serve alone when they could not start again", async ({ site }) => {
    const served = await servedApp(site);
    await served.configure({ app: { shared: ["mood.txt"] }, pm2: { healthTimeoutMs: 3_000 } });
    await site.put("shared/mood.txt", "calm");
    await site.commit(app);
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const workers = (await site.pm2.list()).map(({ pid }) => pid);
    await site.put("shared/mood.txt", "bad");
    const load = served.load();
    expectError(await site.deployer(["reload", "--json"]), "ERR_UNHEALTHY", 4);
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
    expect((await site.pm2.list()).map(({ pid }) => pid)).toEqual(workers);
    expect((await served.get()).text).toBe("calm");
    expectOutcome(await site.deployer(["check", "--json"]), "up-to-date");
  });
});

describe("in an emergency", () => {
  test("rollback --no-gate goes without the trial, and says so", async ({ site }) => {
    const served = await servedApp(site);
    await served.configure();
    const first = await site.commit(webApp("1"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    await site.commit(webApp("2"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const load = served.load();
    const json = expectOutcome(await site.deployer(["rollback", "--no-gate", "--json"]), "rolled-back");
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
    expect(await served.revision()).toBe(first);
    expect(json.warnings).toEqual([expect.stringContaining("--no-gate")]);
  });
});

describe("a config that changes what PM2 runs", () => {
  test("is carried out by the next deployment, as its plan says", async ({ site }) => {
    const served = await servedApp(site);
    const port = new URL(served.url).port;
    await served.configure({ instances: 1 });
    await site.commit({ ...webApp(), "worker.cjs": "setInterval(() => {}, 1000);" });
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const load = served.load();
    const web = { script: "server.cjs", instances: 2, env: { PORT: port }, health: "/api/health" };
    await served.configure({ pm2: { apps: { web, worker: { script: "worker.cjs" } }, health: undefined } });
    const answer = await site.deployer(["deploy"]);
    expect(answer.exitCode, answer.stderr).toBe(0);
    expect(answer.stderr).toContain("reload web (1 worker), then start 1 more");
    expect(answer.stderr).toContain("start worker");
    expect((await site.pm2.list()).map(({ name }) => name).sort()).toEqual(["web", "web", "worker"]);
    await served.configure({ instances: 1 });
    const back = await site.deployer(["deploy"]);
    expect(back.exitCode, back.stderr).toBe(0);
    expect(back.stderr).toContain("worker is no longer in the ecosystem file");
    expect((await site.pm2.list()).map(({ name }) => name)).toEqual(["web"]);
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
  });
});
