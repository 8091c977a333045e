import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { releases } from "../lifecycle/overview.ts";
import { systemClock } from "../ports/system-clock.ts";
import { deployerWith, type TestDeployer } from "../testing/index.ts";

const GARBAGE = "this is no database ".repeat(1000);

async function twoReleases(): Promise<TestDeployer & { ids: string[] }> {
  let now = Date.UTC(2026, 10, 20);
  const app = await deployerWith({ options: { ports: { clock: { ...systemClock, now: () => now } } } });
  const ids: string[] = [];
  for (const n of ["1", "2"]) {
    now += 60_000;
    app.remote.push({ n });
    ids.push((await app.deployer.check()).release?.id as string);
  }
  return { ...app, ids };
}

describe("a damaged store", () => {
  it("is set aside under a name that says so, never deleted, and that is told", async () => {
    await using app = await twoReleases();
    writeFileSync(app.paths.store, GARBAGE);
    const result = await app.deployer.check();
    const aside = readdirSync(app.paths.state).filter((name) => name.startsWith("state.db.damaged-"));
    expect(aside).toHaveLength(1);
    expect(readFileSync(join(app.paths.state, aside[0] as string), "utf8")).toBe(GARBAGE);
    expect(result.warnings.join()).toContain(aside[0]);
  });

  it("is made again from the releases on disk: nothing is deployed a second time", async () => {
    await using app = await twoReleases();
    writeFileSync(app.paths.store, GARBAGE);
    expect(await app.deployer.check()).toMatchObject({ outcome: "up-to-date", release: { id: app.ids[1] } });
    expect(await releases(app.resolved.config)).toMatchObject([
      { id: app.ids[1], current: true, status: "successful", everCurrent: true },
      { id: app.ids[0], current: false, status: "successful" },
    ]);
    expect(app.current()).toBe(app.ids[1]);
    app.remote.push({ n: "3" });
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", previous: { id: app.ids[1] } });
  });

  it("is made again also when its tables are corrupt", async () => {
    await using app = await twoReleases();
    const db = new Database(app.paths.store);
    db.pragma("wal_checkpoint(TRUNCATE)");
    db.pragma("journal_mode = DELETE");
    db.close();
    truncateSync(app.paths.store, 4096 + 100);
    const result = await app.deployer.check();
    expect(result).toMatchObject({ outcome: "up-to-date", release: { id: app.ids[1] } });
    expect(result.warnings).toHaveLength(1);
  });

  it("lets a person return to an older release that is named", async () => {
    await using app = await twoReleases();
    writeFileSync(app.paths.store, GARBAGE);
    expect(await app.deployer.rollback({ release: app.ids[0] as string })).toMatchObject({
      outcome: "rolled-back",
      release: { id: app.ids[0] },
    });
  });
});

it("a store of a newer version is refused, not set aside", async () => {
  await using app = await twoReleases();
  const db = new Database(app.paths.store);
  db.pragma("user_version = 99");
  db.close();
  expect(await app.deployer.check()).toMatchObject({ exitCode: 2, error: { code: "ERR_STORE_NEWER" } });
  expect(readdirSync(app.paths.state).filter((name) => name.includes("damaged"))).toEqual([]);
});
