import { writeFile } from "node:fs/promises";
import type { Status } from "@deployer/core";
import { describe, expect } from "vitest";
import { gitAndNode, plainApp } from "./support/apps.ts";
import { expectError, expectOutcome } from "./support/expect-outcome.ts";
import { processesOf } from "./support/processes.ts";
import { type Site, test } from "./support/site.ts";
import { buildThatHangsOnce, buildThatWaits, type SlowBuild } from "./support/slow-build.ts";

describe("a deployer killed in the middle of a build", () => {
  test("leaves what was served alone, and the next check ends what still runs, cleans up and deploys", async ({
    site,
  }) => {
    const build = buildThatHangsOnce(site);
    const before = await deployedBefore(site, build);
    const hash = await site.commit(build.files);
    const killed = site.startDeployer(["check", "--json"], build);
    await build.inTheMiddle();
    killed.kill("SIGKILL");
    await killed.ended;
    const orphans = await processesOf(site.folder);
    expect(orphans.map(({ command }) => command).join("\n")).toContain("build.cjs");
    expect((await site.footprint()).current).toBe(before.current);
    const { json: status } = await site.deployer<Status>(["status", "--json"]);
    expect(status).toMatchObject({
      interrupted: { stage: "build" },
      running: null,
      current: { id: before.releases[0] },
    });

    const json = expectOutcome(await site.deployer(["check", "--json"], build), "deployed");

    expect(json).toMatchObject({
      recovered: { run: status.interrupted?.id, outcome: "undone" },
      release: { revision: hash },
    });
    const left = await processesOf(site.folder);
    expect(orphans.filter(({ pid }) => left.some((other) => other.pid === pid))).toEqual([]);
    expect(await site.footprint()).toEqual({
      current: `releases/${json.release?.id}`,
      releases: [...before.releases, json.release?.id].sort(),
      leftovers: [],
    });
    const history = await site.deployer(["history"]);
    expect(history.stdout).toContain("interrupted  ERR_KILLED");
  });

  test("twice with the same revision has it held, with the reason", async ({ site }) => {
    const build = buildThatHangsOnce(site);
    await deployedBefore(site, build);
    await site.commit(build.files);
    for (const round of [1, 2]) {
      const killed = site.startDeployer(["check"], build);
      await build.inTheMiddle();
      killed.kill("SIGKILL");
      await killed.ended;
      if (round === 1) await build.again();
    }
    const json = expectOutcome(await site.deployer(["check", "--json"], build), "held");
    expect(json.recovered).toMatchObject({ outcome: "undone" });
    expect((await site.deployer(["status"])).stdout).toContain("Killed 2 times, last in build");
    expect(await site.strays()).toEqual([]);
    await site.commit(plainApp("3"));
    expectOutcome(await site.deployer(["check", "--json"], build), "deployed");
  });

  test("at the very first deployment leaves nothing, and the next check deploys", async ({ site }) => {
    const build = buildThatHangsOnce(site);
    await site.configure({ env: build.names, plugins: gitAndNode(site.remote) });
    await site.commit(build.files);
    const killed = site.startDeployer(["check"], build);
    await build.inTheMiddle();
    killed.kill("SIGKILL");
    await killed.ended;
    expect((await site.footprint()).current).toBeNull();
    const json = expectOutcome(await site.deployer(["check", "--json"], build), "deployed");
    expect((await site.footprint()).releases).toEqual([json.release?.id]);
  });
});

describe.for(["SIGTERM", "SIGINT"] as const)("a deployer interrupted by %s", (signal) => {
  test("ends the build, undoes everything, exits 130, and the next check begins anew", async ({ site }) => {
    const build = buildThatHangsOnce(site);
    const before = await deployedBefore(site, build);
    await site.commit(build.files);
    const interrupted = site.startDeployer(["check", "--json"], build);
    await build.inTheMiddle();
    interrupted.kill(signal);
    expectError(await interrupted.ended, "ERR_INTERRUPTED", 130);
    expect(await site.strays()).toEqual([]);
    expect(await site.footprint()).toEqual(before);
    expectOutcome(await site.deployer(["check", "--json"], build), "deployed");
  });
});

describe("two deployers at once", () => {
  test("the second is told who is at work and exits 3; one release is made", async ({ site }) => {
    const build = buildThatWaits(site);
    const before = await deployedBefore(site, build);
    await site.commit(build.files);
    const first = site.startDeployer(["check", "--json"], build);
    await build.inTheMiddle();

    const second = expectError(await site.deployer(["check", "--json"], build), "ERR_LOCK_HELD", 3);
    expect(second.error?.message).toContain(`pid ${first.pid}`);
    expectError(await site.deployer(["deploy", "--json"], build), "ERR_LOCK_HELD", 3);
    expectError(await site.deployer(["rollback", "--json"], build), "ERR_LOCK_HELD", 3);
    const { json: status } = await site.deployer<Status>(["status", "--json"]);
    expect(status.running).toMatchObject({ stage: "build", holder: { process: { pid: first.pid } } });

    await writeFile(build.gate, "");
    const json = expectOutcome(await first.ended, "deployed");
    expect((await site.footprint()).releases).toEqual([...before.releases, json.release?.id].sort());
  });

  test("five started together: one deploys, the others find the lock or nothing to do", async ({ site }) => {
    await site.configure({ plugins: gitAndNode(site.remote) });
    await site.commit(plainApp());
    const answers = await Promise.all(Array.from({ length: 5 }, () => site.deployer(["check", "--json"])));
    const outcomes = answers.map(({ json }) => json.outcome);
    expect(outcomes.filter((outcome) => outcome === "deployed")).toHaveLength(1);
    for (const { exitCode, json } of answers)
      expect([`deployed 0`, "locked 3", "up-to-date 0"]).toContain(`${json.outcome} ${exitCode}`);
    expect((await site.footprint()).releases).toHaveLength(1);
  });
});

async function deployedBefore(site: Site, build: SlowBuild): Promise<Awaited<ReturnType<Site["footprint"]>>> {
  await site.configure({ env: build.names, plugins: gitAndNode(site.remote) });
  await site.commit(plainApp());
  expectOutcome(await site.deployer(["check", "--json"], build), "deployed");
  return site.footprint();
}
