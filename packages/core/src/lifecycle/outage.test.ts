import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { DeployError, EXIT } from "../errors/deploy-error.ts";
import type { Plugin } from "../plugin/plugin.ts";
import { systemClock } from "../ports/system-clock.ts";
import { deployerWith, type TestDeployer } from "../testing/index.ts";
import { gistOf, isDue } from "./outage.ts";
import { outages, status } from "./overview.ts";
import type { RunResult } from "./result.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Watched extends AsyncDisposable {
  readonly app: TestDeployer;
  now: number;
  /** What stands in the way of the next checks, by its message. */
  readonly away: { code: string; message: string }[];
  /** So many quiet checks, a minute apart unless said otherwise; answers those that had something to tell. */
  checks(count: number, apartMs?: number): Promise<RunResult[]>;
}

async function watched(): Promise<Watched> {
  const away: Watched["away"] = [];
  const first: Plugin = {
    name: "first",
    async detect() {
      const [error] = away;
      if (error === undefined) return undefined;
      throw new DeployError({ ...error, exitCode: EXIT.unreachable, hint: "Wait." });
    },
  };
  const base = await deployerWith();
  const clock = { ...systemClock, now: () => site.now };
  const app = await base.with({ plugins: [first, base.remote.plugin], remote: false, options: { ports: { clock } } });
  const site: Watched = {
    app,
    now: Date.UTC(2026, 10, 20),
    away,
    async checks(count, apartMs = MINUTE) {
      const told: RunResult[] = [];
      for (let made = 0; made < count; made += 1) {
        const result = await app.deployer.check({ quiet: true });
        if (result.outage?.isNews || result.over.length > 0) told.push(result);
        site.now += apartMs;
      }
      return told;
    },
    [Symbol.asyncDispose]: () => base.remove(),
  };
  return site;
}

const AWAY = { code: "ERR_AWAY", message: "The remote is away." };

describe("what a quiet check tells of an outage", () => {
  it("is its beginning, that it lasts after an hour and then each day, and its end, once each", async () => {
    await using site = await watched();
    await site.checks(2);
    const began = site.now;
    site.away.push(AWAY);
    const told = await site.checks(18, 10 * MINUTE);
    expect(told.map(({ outage }) => [outage?.beganAt, outage?.lastAt, outage?.checks])).toEqual([
      [began, began, 1],
      [began, began + HOUR, 7],
    ]);
    site.away.length = 0;
    expect((await site.checks(3)).map(({ exitCode, outage, over }) => ({ exitCode, outage, over }))).toEqual([
      { exitCode: 0, outage: null, over: [expect.objectContaining({ code: "ERR_AWAY", checks: 18, beganAt: began })] },
    ]);
    expect(isDue({ tellings: 2, toldAt: 0 }, 24 * HOUR - 1)).toBe(false);
    expect(isDue({ tellings: 2, toldAt: 0 }, 24 * HOUR)).toBe(true);
    expect(isDue({ tellings: 9, toldAt: 0 }, 24 * HOUR)).toBe(true);
  });

  it("is told anew when it comes back, and for each thing that stands in the way", async () => {
    await using site = await watched();
    site.away.push(AWAY);
    await site.checks(2);
    site.away.unshift({ code: "ERR_AWAY", message: "Another remote is away." });
    expect((await site.checks(2)).map(({ error }) => error?.message)).toEqual(["Another remote is away."]);
    site.away.shift();
    expect(await site.checks(2)).toEqual([]); // the first one is not over
    site.away.length = 0;
    expect((await site.checks(2)).map(({ over }) => over.map(({ checks }) => checks))).toEqual([[4, 2]]);
    site.away.push(AWAY);
    expect(await site.checks(2)).toHaveLength(1);
  });

  it("is told when the clock was set back, and has no end in the past", async () => {
    await using site = await watched();
    site.away.push(AWAY);
    await site.checks(2);
    site.now -= 24 * HOUR;
    expect(await site.checks(3)).toHaveLength(1);
  });

  it("does not depend on what a person sees meanwhile", async () => {
    await using site = await watched();
    site.away.push(AWAY);
    expect((await site.app.deployer.check()).outage).toMatchObject({ checks: 1, isNews: true });
    expect((await site.app.deployer.check()).outage).toMatchObject({ checks: 2, isNews: true });
    expect(await site.checks(2)).toMatchObject([{ outage: { checks: 3 } }]);
    site.away.length = 0;
    expect((await site.app.deployer.check()).over).toHaveLength(1);
    expect((await site.app.deployer.check()).over).toEqual([]);
    expect(await site.checks(2)).toMatchObject([{ over: [{ code: "ERR_AWAY" }] }]);
  });
});

it("a revision that failed is held: that is no outage, is told by each run, and ends the one before", async () => {
  const bad: Plugin = {
    name: "bad",
    async build() {
      throw new DeployError({ code: "ERR_BAD", exitCode: EXIT.undone, message: "Bad.", hint: "Correct it." });
    },
  };
  await using app = await deployerWith({ plugins: [bad], config: { shared: [".env"] } });
  expect((await app.deployer.check({ quiet: true })).outage).toMatchObject({ code: "ERR_PREFLIGHT" });
  const cured = await app.with({ config: {} });
  const failed = await cured.deployer.check({ quiet: true });
  expect(failed).toMatchObject({ exitCode: 4, outage: null, over: [{ code: "ERR_PREFLIGHT" }] });
  expect(failed.decision).toMatchObject({ verdict: "held" });
  expect(await cured.deployer.check({ quiet: true })).toMatchObject({ outcome: "held", outage: null, over: [] });
});

it("a check that failed before it decided anything says that the next one tries again", async () => {
  await using app = await deployerWith({ config: { shared: [".env"] } });
  const again = { revision: null, verdict: "again", retryAt: null };
  expect((await app.deployer.check()).decision).toMatchObject(again);
  expect((await app.deployer.deploy()).decision).toBeNull();
});

it("a failure before a run could begin is counted too, and one that cannot be kept is news each time", async () => {
  await using app = await deployerWith();
  await app.deployer.check();
  rmSync(app.paths.current);
  mkdirSync(app.paths.current);
  const blocked = [await app.deployer.check({ quiet: true }), await app.deployer.check({ quiet: true })];
  expect(blocked.map(({ outage }) => [outage?.checks, outage?.isNews])).toEqual([
    [1, true],
    [2, false],
  ]);
  const store = new Database(app.paths.store);
  store.pragma("user_version = 99");
  store.close();
  const other = await app.with({ config: { app: "shop" } });
  expect(await other.deployer.check({ quiet: true })).toMatchObject({ exitCode: 2, outage: null });
});

it("who is refused while another run is at work is kept nowhere", async () => {
  const refused: RunResult[] = [];
  await using app = await deployerWith({
    plugins: [
      {
        name: "meanwhile",
        async build() {
          refused.push(await (await app.with({ plugins: [] })).deployer.check({ quiet: true }));
        },
      },
    ],
  });
  await app.deployer.check();
  expect(refused).toMatchObject([{ outcome: "locked", exitCode: 3, outage: null, decision: null }]);
  expect(outages(app.resolved.config, 9)).toEqual([]);
  expect((await status(app.resolved)).lastCheck).toMatchObject({ outcome: "deployed", exitCode: 0, code: null });
});

it("status knows how the last check ended and what lasts; the list of outages has each once", async () => {
  await using site = await watched();
  site.away.push(AWAY);
  await site.checks(3);
  const last = site.now - MINUTE;
  const { lastCheck, outages: lasting } = await status(site.app.resolved);
  expect(lastCheck).toEqual({
    at: last,
    outcome: "unreachable",
    exitCode: EXIT.unreachable,
    code: "ERR_AWAY",
    message: AWAY.message,
  });
  expect(lasting).toMatchObject([
    { code: "ERR_AWAY", checks: 3, beganAt: last - 2 * MINUTE, lastAt: last, endedAt: null },
  ]);
  site.away.length = 0;
  await site.checks(1);
  expect((await status(site.app.resolved)).outages).toEqual([]);
  expect(outages(site.app.resolved.config, 9)).toMatchObject([{ checks: 3, endedAt: last + MINUTE }]);
});

describe("what a failure is known by again", () => {
  it.each([
    ["needs 4.2 GiB, 3.9 GiB are free", "needs 4.3 GiB, 1.1 GiB are free"],
    ["pid 4711 holds it", "pid 12 holds it"],
    ["Run 20261120T184500Z-3f2a1b died", "Run 20261121T184500Z-aa1100 died"],
    ["git@host:shop.git could not be asked:\nssh: connect to host", "git@host:shop.git could not be asked:\nfatal"],
  ])("is the same for %j and %j", (one, other) => {
    expect(gistOf({ message: one, details: {} })).toBe(gistOf({ message: other, details: {} }));
  });

  it("differs between two sets of problems", () => {
    const gist = (...problems: string[]): string => gistOf({ message: "Problems.", details: { problems } });
    expect(gist("Shared file is missing: .env.")).not.toBe(gist("Shared file is missing: .npmrc."));
  });
});

it("the check of a store that is an existing site's upgrades it in place, and keeps what it knew", async () => {
  await using app = await deployerWith();
  const { release } = await app.deployer.check();
  const db = new Database(join(app.paths.state, "state.db"));
  db.exec("DROP TABLE outages; DELETE FROM meta WHERE key = 'last-check'; PRAGMA user_version = 1");
  db.close();
  // Looking upgrades nothing, and knows what there is.
  expect(await status(app.resolved)).toMatchObject({ current: { id: release?.id }, lastCheck: null, outages: [] });
  expect(outages(app.resolved.config, 9)).toEqual([]);
  expect(await app.deployer.check()).toMatchObject({ outcome: "up-to-date", release });
  expect(await status(app.resolved)).toMatchObject({
    current: { id: release?.id },
    lastCheck: { outcome: "up-to-date" },
  });
});
