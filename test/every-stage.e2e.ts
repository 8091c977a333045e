import { existsSync } from "node:fs";
import { describe, expect } from "vitest";
import { plainApp } from "./support/apps.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import type { Footprint } from "./support/footprint.ts";
import { processesOf } from "./support/processes.ts";
import { type Site, test } from "./support/site.ts";
import { until } from "./support/until.ts";

// Every stage in which a plugin may be at work when something happens. `activate` before and after the switch.
const STAGES = ["prepare", "link", "build", "gate", "migrate", "activate-pre", "activate-post"];

// Comes last in the config, so that what the other plugins do in the stage is done. It leaves a program running.
const TROUBLE = `
  import { spawn } from "node:child_process";
  import { writeFileSync } from "node:fs";
  import { coreError, definePlugin } from "@deployer/core";

  async function at(stage, { env }) {
    if (process.env.FAIL_AT === stage) {
      spawn("sleep", ["600"], { env, detached: true, stdio: "ignore" }).unref();
      throw coreError("ERR_COMMAND_FAILED", { message: "trouble in " + stage, hint: "none" });
    }
    if (process.env.HANG_AT !== stage) return;
    spawn("sleep", ["600"], { env, detached: true, stdio: "ignore" }).unref();
    writeFileSync(process.env.MARKER, "");
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  }

  export default definePlugin(() => ({
    name: "trouble",
    // The first answer decides, and this is none: git's comes after it.
    detect: { before: "git", handler: (ctx) => at("detect", ctx) },
    async prepare(ctx) { await at("prepare", ctx); },
    async link(paths, ctx) { await at("link", ctx); return paths; },
    async build(ctx) { await at("build", ctx); },
    async gate(ctx) { await at("gate", ctx); },
    async migrate(ctx) { await at("migrate", ctx); },
    activate: [
      { order: "pre", handler: (ctx) => at("activate-pre", ctx) },
      { order: "post", handler: (ctx) => at("activate-post", ctx) },
    ],
    async cleanup(ctx) { await at("cleanup", ctx); },
    async rollback(ctx) { await at("rollback", ctx); },
  }));
`;

describe("a run that fails", () => {
  test.for(STAGES)("in %s is undone: what was served still serves, and nothing is left", async (stage, { site }) => {
    const before = await deployedBefore(site);
    await site.commit(plainApp("2"));
    const answer = await site.deployer(["check", "--json"], { env: { FAIL_AT: stage } });
    const json = expectError(answer, "ERR_COMMAND_FAILED", 4);
    expect(json.error?.message).toBe(`trouble in ${stage}`);
    expect(json.stages.at(-1)).toMatchObject({ name: stage.split("-")[0], outcome: "failed" });
    expect(json.undoFailures).toEqual([]);
    expect(await site.footprint()).toEqual(before);
    expect(await site.strays()).toEqual([]);
    expectOutcome(await site.deployer(["check", "--json"]), "held");
  });

  test("in cleanup only warns: the release is served", async ({ site }) => {
    await deployedBefore(site);
    const hash = await site.commit(plainApp("2"));
    const json = expectOutcome(await site.deployer(["check", "--json"], { env: { FAIL_AT: "cleanup" } }), "deployed");
    expect(json.warnings.join()).toContain("trouble in cleanup");
    expect(json.release?.revision).toBe(hash);
    await endSleepers(site);
  });

  test("in rollback leaves the release that is served", async ({ site }) => {
    await deployedBefore(site);
    await site.commit(plainApp("2"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const before = await site.footprint();
    const answer = await site.deployer(["rollback", "--json"], { env: { FAIL_AT: "activate-post" } });
    expectError(answer, "ERR_COMMAND_FAILED", 4);
    expect(await site.footprint()).toEqual(before);
    expectOutcome(await site.deployer(["check", "--json"]), "up-to-date");
    expectOutcome(await site.deployer(["rollback", "--json"]), "rolled-back");
  });
});

describe("a deployer that is killed", () => {
  test.for(STAGES)("in %s is settled by the next check, which then deploys", async (stage, { site }) => {
    const before = await deployedBefore(site);
    const hash = await site.commit(plainApp("2"));
    await killIn(site, stage, ["check"]);
    // One release or the other, and whole, at every moment.
    expect(await site.read("current/built.txt")).toMatch(/^built from [12]\n$/);

    const json = expectOutcome(await site.deployer(["check", "--json"]), "deployed");

    expect(json).toMatchObject({ recovered: { outcome: "undone" }, release: { revision: hash } });
    await expectClean(site, before, json.release?.id);
  });

  test("in detect leaves nothing to settle", async ({ site }) => {
    const before = await deployedBefore(site);
    await site.commit(plainApp("2"));
    await killIn(site, "detect", ["check"]);
    expect(await site.footprint()).toEqual(before);
    const json = expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(json.recovered).toBeNull();
    await endSleepers(site);
  });

  test("in cleanup has deployed: the next check finishes that run and finds nothing to do", async ({ site }) => {
    const before = await deployedBefore(site);
    const hash = await site.commit(plainApp("2"));
    await killIn(site, "cleanup", ["check"]);
    const json = expectOutcome(await site.deployer(["check", "--json"]), "up-to-date");
    expect(json).toMatchObject({ recovered: { outcome: "finished" }, release: { revision: hash } });
    await expectClean(site, before, json.release?.id);
  });

  test("in a rollback is settled: the release before the rollback is served again", async ({ site }) => {
    await deployedBefore(site);
    const hash = await site.commit(plainApp("2"));
    expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    const before = await site.footprint();
    await killIn(site, "activate-post", ["rollback"]);
    const json = expectOutcome(await site.deployer(["check", "--json"]), "up-to-date");
    expect(json).toMatchObject({ recovered: { outcome: "undone" }, release: { revision: hash } });
    expect(await site.footprint()).toEqual(before);
    expect(await site.strays()).toEqual([]);
  });

  test("and whose plugin has left the config meanwhile: nothing is touched until it is back", async ({ site }) => {
    await deployedBefore(site);
    await site.commit(plainApp("2"));
    await killIn(site, "activate-post", ["check"]);
    const dead = await site.footprint();
    const { plugins } = config(site);
    await site.configure({ shared: ["data/"], plugins: plugins.slice(0, 2) });
    const json = expectError(await site.deployer(["check", "--json"]), "ERR_PLUGIN_GONE", 5);
    expect(json.error?.message).toContain('"trouble"');
    expect(await site.footprint()).toEqual(dead);
    await site.configure(config(site));
    const settled = expectOutcome(await site.deployer(["check", "--json"]), "deployed");
    expect(settled.recovered).toMatchObject({ outcome: "undone" });
  });
});

function config(site: Site): { shared: string[]; plugins: unknown[] } {
  return {
    shared: ["data/"],
    plugins: [["@deployer/plugin-git", { remote: site.remote }], "@deployer/plugin-node", "./trouble.mjs"],
  };
}

async function deployedBefore(site: Site): Promise<Footprint> {
  await site.put("trouble.mjs", TROUBLE);
  await site.configure(config(site));
  await site.commit(plainApp("1"));
  expectOutcome(await site.deployer(["check", "--json"]), "deployed");
  return site.footprint();
}

async function killIn(site: Site, stage: string, args: readonly string[]): Promise<void> {
  const marker = site.at("marker");
  const running = site.startDeployer(args, { env: { HANG_AT: stage, MARKER: marker } });
  await until(`the deployer is at work in ${stage}`, () => existsSync(marker), 30_000);
  running.kill("SIGKILL");
  expect((await running.ended).signal).toBe("SIGKILL");
  expect((await processesOf(site.folder)).map(({ command }) => command)).toContain("sleep 600");
}

async function expectClean(site: Site, before: Footprint, id: string | undefined): Promise<void> {
  const releases = [...before.releases, id as string].sort();
  expect(await site.footprint()).toEqual({ current: `releases/${id}`, releases, leftovers: [] });
  expect(await site.read("current/built.txt")).toBe("built from 2\n");
  expect(await site.strays()).toEqual([]);
}

/** What a plugin leaves running where no run is in the store, or after it was accepted, is its own affair. */
async function endSleepers(site: Site): Promise<void> {
  for (const { pid } of await processesOf(site.folder)) process.kill(pid, "SIGKILL");
}
