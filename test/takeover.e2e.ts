import { describe, expect } from "vitest";
import { serverWith, webApp } from "./support/apps.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { servedApp } from "./support/served-app.ts";
import { test } from "./support/site.ts";
import { until } from "./support/until.ts";

const HEALTHY = `response.end(JSON.stringify({ ok: true, revision }));`;

describe("under PM2", () => {
  test("a first deployment serves, and the next takes over without a failed request", async ({ site }) => {
    const app = await servedApp(site);
    await app.configure();
    const first = await site.commit(webApp("1"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect((await app.get()).text).toBe(`version 1 ${first}`);
    const workers = await site.pm2.list();
    expect(workers.map(({ name, pm2_env }) => `${name} ${pm2_env.status}`)).toEqual(["web online", "web online"]);

    const load = app.load();
    const second = await site.commit(webApp("2"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    await until("the new release has answered a hundred times", () => (load.now().byRevision[second] ?? 0) > 100);
    const report = await load.stop();

    expect(report).toMatchObject({ failed: 0, failures: {} });
    expect(report.byRevision[first]).toBeGreaterThan(100);
    expect((await app.get()).text).toBe(`version 2 ${second}`);
    const now = await site.pm2.list();
    expect(now.map(({ pm_id }) => pm_id)).toEqual(workers.map(({ pm_id }) => pm_id));
    expect(now.map(({ pid }) => pid)).not.toEqual(expect.arrayContaining(workers.map(({ pid }) => pid)));
    expectOutcome(await site.deployer(["check", "--json"]), "up-to-date");
    expect((await site.pm2.list()).map(({ pid }) => pid)).toEqual(now.map(({ pid }) => pid));
  });

  test("a release that crashes, and one that is unhealthy, are refused at the gate with the site up", async ({
    site,
  }) => {
    const app = await servedApp(site);
    await app.configure({ pm2: { healthTimeoutMs: 3_000 } });
    const good = await site.commit(webApp("1"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const before = await site.footprint();
    const workers = (await site.pm2.list()).map(({ pid }) => pid);
    const load = app.load();

    await site.commit({ "server.cjs": `throw new Error("this one crashes");` });
    const crashed = expectError(await site.deployer(["check", "--json"]), "ERR_CANDIDATE_DIED", 4);
    expect(crashed.error?.message).toContain("this one crashes");
    await site.commit({ "server.cjs": serverWith("response.statusCode = 500; response.end();") });
    const unhealthy = expectError(await site.deployer(["check", "--json"]), "ERR_UNHEALTHY", 4);
    expect(unhealthy.error?.message).toContain("500");
    await site.commit({ "server.cjs": serverWith(`response.end(JSON.stringify({ revision: "another" }));`) });
    expectError(await site.deployer(["check", "--json"]), "ERR_UNHEALTHY", 4);

    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
    for (const { stages } of [crashed, unhealthy])
      expect(stages.at(-1)).toMatchObject({ name: "gate", outcome: "failed" });
    expect(await app.revision()).toBe(good);
    expect(await site.footprint()).toEqual(before);
    expect((await site.pm2.list()).map(({ pid }) => pid)).toEqual(workers);
  });

  test("a release that fails only in service is taken back with the site up", async ({ site }) => {
    const app = await servedApp(site);
    await app.configure({ pm2: { healthTimeoutMs: 5_000 } });
    const good = await site.commit(webApp("1"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const before = await site.footprint();
    const load = app.load();

    await site.commit({
      "server.cjs": `if (!process.env.DEPLOYER_GATE) throw new Error("only in service");${serverWith(HEALTHY)}`,
    });
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_ACTIVATION_FAILED", 4);

    expect(json.undoFailures).toEqual([]);
    expect(await app.revision()).toBe(good);
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
    expect(await site.footprint()).toEqual(before);
    expect((await site.pm2.list()).map(({ pm2_env }) => pm2_env.status)).toEqual(["online", "online"]);
    expectOutcome(await site.deployer(["check", "--json"]), "held");
  });

  test("a first release that fails in service leaves nothing in PM2", async ({ site }) => {
    const app = await servedApp(site);
    await app.configure({ pm2: { healthTimeoutMs: 5_000 } });
    await site.commit({
      ...webApp(),
      "server.cjs": `if (!process.env.DEPLOYER_GATE) throw new Error("only in service");${serverWith(HEALTHY)}`,
    });
    expectError(await site.deployer(["check", "--json"]), "ERR_ACTIVATION_FAILED", 4);
    expect(await site.pm2.list()).toEqual([]);
    expect(await site.footprint()).toEqual({ current: null, releases: [], leftovers: [] });
  });

  test("rollback returns to the release before, whose successor is then held until a new commit comes", async ({
    site,
  }) => {
    const app = await servedApp(site);
    await app.configure();
    const first = await site.commit(webApp("1"));
    const { release: good } = expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const second = await site.commit(webApp("2"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const load = app.load();

    const json = expectOutcome(await site.deployer(["rollback", "--json"]), "rolled-back");
    expect(json).toMatchObject({ release: good, previous: { revision: second } });
    expect(await app.revision()).toBe(first);
    expectOutcome(await site.deployer(["check", "--json"]), "held");
    expect(await app.revision()).toBe(first);
    expect((await site.footprint()).releases).toHaveLength(2);
    const third = await site.commit(webApp("3"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(await app.revision()).toBe(third);
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
  });

  test("a request under way is finished by the worker that has it", async ({ site }) => {
    const app = await servedApp(site);
    await app.configure();
    const slow = `setTimeout(() => response.end(JSON.stringify({ ok: true, revision })), request.url === "/" ? 1500 : 0);`;
    await site.commit({ ...webApp("1"), "server.cjs": serverWith(slow) });
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const second = await site.commit({ "version.txt": "2" });
    const answers: Promise<number>[] = [];
    const asking = setInterval(
      () =>
        answers.push(
          app.get().then(
            ({ status }) => status,
            () => 0,
          ),
        ),
      50,
    );
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    clearInterval(asking);
    const statuses = await Promise.all(answers);
    expect(statuses.length).toBeGreaterThan(60);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(await app.revision()).toBe(second);
  });

  test("another app of the same PM2 is left alone, and one with our name is not taken over", async ({ site }) => {
    const app = await servedApp(site);
    await app.configure();
    const script = await site.put("elsewhere/other.cjs", "setInterval(() => {}, 1000);");
    await site.pm2.run("start", script, "--name", "other");
    const others = async (): Promise<number[]> =>
      (await site.pm2.list()).filter(({ name }) => name !== "web").map(({ pid }) => pid);
    const before = await others();
    await site.commit(webApp("1"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const second = await site.commit(webApp("2"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(await others()).toEqual(before);
    await app.configure({ pm2: { apps: { other: { script: "server.cjs", env: { PORT: new URL(app.url).port } } } } });
    await site.commit(webApp("3"));
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_PM2_CHANGE", 2);
    expect(json.stages.at(-1)).toMatchObject({ name: "gate", outcome: "failed" });
    expect(await others()).toEqual(before);
    expect(await app.revision()).toBe(second);
  });

  test("an app of a monorepo may be started by a script above it, as where dependencies are hoisted", async ({
    site,
  }) => {
    const app = await servedApp(site);
    const env = { PORT: new URL(app.url).port };
    await app.configure({
      app: { directory: "apps/web" },
      pm2: { apps: { web: { script: "../../server.cjs", instances: 2, env } } },
    });
    const { "package.json": json, "server.cjs": server } = webApp("1");
    await site.commit({ "apps/web/package.json": json as string, "server.cjs": server as string });
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const load = app.load();
    const second = await site.commit({ "apps/web/version.txt": "2" });
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
    expect(await app.revision()).toBe(second);
  });

  test("an ecosystem file of the repository is followed", async ({ site }) => {
    const app = await servedApp(site);
    const port = new URL(app.url).port;
    await site.configure({
      plugins: [
        ["@deployer/plugin-git", { remote: site.remote }],
        [
          "@deployer/plugin-pm2",
          { ecosystem: "ecosystem.config.cjs", health: "/api/health", gate: { settleMs: 500 }, soakMs: 500 },
        ],
      ],
    });
    const ecosystem = {
      name: "shop-web",
      script: "server.cjs",
      instances: 1,
      exec_mode: "cluster",
      env: { PORT: port },
    };
    const hash = await site.commit({
      ...webApp(),
      "ecosystem.config.cjs": `module.exports = { apps: [${JSON.stringify(ecosystem)}] };`,
    });
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect((await site.pm2.list()).map(({ name }) => name)).toEqual(["shop-web"]);
    expect(await app.revision()).toBe(hash);
  });
});

describe("a machine without PM2", () => {
  test("is told so before anything begins, and nothing is held", async ({ site }) => {
    const app = await servedApp(site);
    await app.configure({ pm2: { path: "/nonexistent/pm2" } });
    await site.commit(webApp());
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_PREFLIGHT", 2);
    expect(json.error?.message).toContain("There is no PM2 at /nonexistent/pm2.");
    expect(await site.footprint()).toEqual({ current: null, releases: [], leftovers: [] });
    await app.configure();
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
  });
});
