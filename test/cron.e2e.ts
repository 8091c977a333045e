import { writeFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Outage, Status } from "@deployer/core";
import Database from "better-sqlite3";
import { describe, expect } from "vitest";
import { gitAndNode, plainApp, withBuild } from "./support/apps.ts";
import { type Site, test } from "./support/site.ts";
import { buildThatWaits } from "./support/slow-build.ts";

const SILENCE = { stdout: "", stderr: "" };

/** What cron's mail would be. */
async function mailed(site: Site): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const { exitCode, stdout, stderr } = await site.deployer(["check", "--quiet"]);
  return { exitCode, stdout, stderr };
}

async function deployedOnce(site: Site): Promise<void> {
  await site.configure({ plugins: gitAndNode(site.remote) });
  await site.commit(plainApp("1"));
  expect(await mailed(site)).toEqual({ exitCode: 0, ...SILENCE });
}

/** As if everything that the store knows of outages had been earlier. */
function letPass(site: Site, ms: number): void {
  const db = new Database(join(site.root, ".deployer/state.db"));
  db.exec(`UPDATE outages SET began_at = began_at - ${ms}, last_at = last_at - ${ms}, told_at = told_at - ${ms}`);
  db.close();
}

describe("cron's mail", () => {
  test("tells a remote that is away when it begins, after an hour, after a day, and when it is back", async ({
    site,
  }) => {
    await deployedOnce(site);
    await rename(site.remote, `${site.remote}.away`);
    const first = await mailed(site);
    expect(first).toMatchObject({ exitCode: 7, stdout: "", stderr: expect.stringContaining("ERR_REMOTE_UNREACHABLE") });
    expect(first.stderr).toContain("The next check tries again.");
    expect(await mailed(site)).toEqual({ exitCode: 7, ...SILENCE });
    letPass(site, 3_600_000);
    expect((await mailed(site)).stderr).toMatch(/Failing since \d{4}-\d\d-\d\d [\d:]{8} \+00:00: 3 checks\./);
    expect(await mailed(site)).toEqual({ exitCode: 7, ...SILENCE });
    letPass(site, 7_200_000);
    // Who asks is answered each time.
    expect((await site.deployer(["check"])).stderr).toContain("ERR_REMOTE_UNREACHABLE");

    const { json: status } = await site.deployer<Status>(["status", "--json"]);
    expect(status.lastCheck).toMatchObject({ outcome: "unreachable", exitCode: 7, code: "ERR_REMOTE_UNREACHABLE" });
    expect((await site.deployer(["status"])).stdout).toMatch(/failing {4}since .* 5 checks: ERR_REMOTE_UNREACHABLE/);

    await rename(`${site.remote}.away`, site.remote);
    const over = await mailed(site);
    expect(over).toMatchObject({ exitCode: 0, stdout: "" });
    expect(over.stderr).toMatch(
      /^ERR_REMOTE_UNREACHABLE is over after 3 h, 5 checks: .* could not be asked: fatal: .*\n$/,
    );
    expect(await mailed(site)).toEqual({ exitCode: 0, ...SILENCE });

    const { json } = await site.deployer<{ outages: Outage[] }>(["history", "--json"]);
    expect(json.outages).toMatchObject([{ code: "ERR_REMOTE_UNREACHABLE", checks: 5 }]);
    expect((await site.deployer(["history"])).stdout).toMatch(
      / {2}5 checks failed, until .*: ERR_REMOTE_UNREACHABLE: /,
    );
    expect((await site.deployer(["status"])).stdout).toMatch(/last check .*: up-to-date/);
  });

  test("tells what is missing on the machine once, and the next thing once", async ({ site }) => {
    await deployedOnce(site);
    await site.configure({ shared: [".env", "b.json"], plugins: gitAndNode(site.remote) });
    await site.commit(plainApp("2"));
    expect(await mailed(site)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("shared/.env") });
    expect(await mailed(site)).toEqual({ exitCode: 2, ...SILENCE });
    await site.put("shared/.env", "A=1\n");
    expect(await mailed(site)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("shared/b.json") });
    await site.put("shared/b.json", "{}\n");
    expect((await mailed(site)).stderr.match(/ERR_PREFLIGHT is over/g)).toHaveLength(2);
  });

  test("is silent while another run is at work, and the exit code says so", async ({ site }) => {
    const build = buildThatWaits(site);
    await site.configure({ env: build.names, plugins: gitAndNode(site.remote) });
    await site.commit(build.files);
    const running = site.startDeployer(["deploy"], { env: build.env });
    await build.inTheMiddle();
    expect(await mailed(site)).toEqual({ exitCode: 3, ...SILENCE });
    expect((await site.deployer(["check"])).stderr).toContain("ERR_LOCK_HELD");
    expect((await site.deployer(["deploy", "--quiet"])).stderr).toContain("ERR_LOCK_HELD");
    writeFileSync(build.gate, "");
    expect((await running.ended).exitCode).toBe(0);
  });

  test("says that a revision is held, or when it is tried again, in the machine's time", async ({ site }) => {
    await deployedOnce(site);
    const hash = await site.commit(withBuild("process.exit(3)"));
    const again = { env: { TZ: "Asia/Kathmandu" } };
    const failed = await site.deployer(["check", "--quiet"], again);
    expect(failed.exitCode).toBe(4);
    const when = new RegExp(`${hash.slice(0, 7)} is tried again at (\\d{4}-\\d\\d-\\d\\d [\\d:]{8} \\+05:45)\\.`);
    const [, at] = when.exec(failed.stderr) ?? [];
    expect(at, failed.stderr).toBeDefined();
    expect((await site.deployer(["check"], again)).stdout).toContain(`is tried again at ${at}`);
    const { json } = await site.deployer(["check", "--json"]);
    expect(json.decision).toMatchObject({ revision: hash, verdict: "again" });
    const second = new Date(Math.floor((json.decision?.retryAt as number) / 1000) * 1000);
    expect(second).toEqual(new Date((at as string).replace(" ", "T").replace(" ", "")));
  });

  test("tells once that the config is invalid, cannot be read, or is gone", async ({ site }) => {
    await deployedOnce(site);
    const broken = [
      [JSON.stringify({ app: "shop", plugins: [], keepReleases: -1 }), "ERR_CONFIG:"],
      ["{ app: ", "ERR_CONFIG_LOAD"],
    ] as const;
    for (const [text, code] of broken) {
      await site.put("deployer.config.json", text);
      expect(await mailed(site)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(code) });
      expect(await mailed(site)).toEqual({ exitCode: 2, ...SILENCE });
    }
    await rm(join(site.root, "deployer.config.json"));
    expect(await mailed(site)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("ERR_CONFIG_MISSING") });
    await site.configure({ plugins: gitAndNode(site.remote) });
    expect((await mailed(site)).stderr.match(/is over/g)).toHaveLength(3);
  });
});
