import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { errorResult } from "../lifecycle/failure.ts";
import { history, releases, status } from "../lifecycle/overview.ts";
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

describe("a lost store", () => {
  it.each([
    ["was deleted", (path: string) => rmSync(path)],
    ["is an empty file", (path: string) => truncateSync(path, 0)],
    [
      "was begun and has no tables",
      (path: string) => {
        rmSync(path);
        const db = new Database(path);
        db.pragma("journal_mode = WAL");
        db.close();
      },
    ],
  ])("that %s is made again from the releases on disk", async (_how, lose) => {
    await using app = await twoReleases();
    lose(app.paths.store);
    const result = await app.deployer.check();
    expect(result).toMatchObject({ outcome: "up-to-date", release: { id: app.ids[1] } });
    expect(result.warnings).toEqual([expect.stringContaining("The run store was lost")]);
    expect(await releases(app.resolved.config)).toMatchObject([{ id: app.ids[1] }, { id: app.ids[0] }]);
    expect((await app.deployer.check()).warnings).toEqual([]);
  });

  it("of a new root is nothing to tell", async () => {
    await using app = await deployerWith();
    expect(await app.deployer.check()).toMatchObject({ outcome: "deployed", warnings: [] });
  });

  it("keeps the order of releases over a clock that was set back, and what was decided", async () => {
    let now = Date.UTC(2026, 10, 20);
    const app = await deployerWith({ options: { ports: { clock: { ...systemClock, now: () => now } } } });
    await using _root = app;
    const ids: string[] = [];
    for (const n of ["1", "2", "3"]) {
      now -= 60_000;
      app.remote.push({ n });
      ids.push((await app.deployer.check()).release?.id as string);
    }
    await app.deployer.rollback();
    rmSync(app.paths.store);
    expect(await app.deployer.check()).toMatchObject({ outcome: "held", release: { id: ids[1] } });
    expect((await releases(app.resolved.config)).map(({ id }) => id)).toEqual(ids.toReversed());
    expect(await app.deployer.rollback()).toMatchObject({ outcome: "rolled-back", release: { id: ids[0] } });
  });

  it.each(["with the list of accepted releases", "without it"])(
    "takes no half-made release for one to return to, %s",
    async (how) => {
      await using app = await twoReleases();
      const half = join(app.paths.releases, "20991120T000000Z-aaaaaaa");
      mkdirSync(join(half, ".rehearsal"), { recursive: true });
      writeFileSync(join(half, "REVISION"), `${"a".repeat(40)}\n`);
      if (how === "without it") rmSync(app.paths.releaseList);
      rmSync(app.paths.store);
      await app.deployer.check();
      expect((await releases(app.resolved.config)).filter(({ status }) => status === "successful")).toMatchObject([
        { id: app.ids[1] },
        { id: app.ids[0] },
      ]);
      expect(await app.deployer.rollback({ release: "20991120" })).toMatchObject({ exitCode: 6 });
      app.remote.push({ n: "3" });
      expect(await app.deployer.check()).toMatchObject({ outcome: "deployed" });
      expect(existsSync(half)).toBe(false);
    },
  );

  it("takes no release whose build was killed, which looks like any other", async () => {
    await using app = await twoReleases();
    const killed = join(app.paths.releases, "20991120T000000Z-aaaaaaa");
    mkdirSync(killed);
    writeFileSync(join(killed, "REVISION"), `${"a".repeat(40)}\n`);
    writeFileSync(app.paths.store, GARBAGE);
    await app.deployer.check();
    expect(await app.deployer.rollback({ release: "20991120" })).toMatchObject({ exitCode: 6 });
  });
});

it("a damaged page is found before a run, also one that shows only when its table is read", async () => {
  await using app = await twoReleases();
  const db = new Database(app.paths.store);
  const page = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'steps'").pluck().get() as number;
  db.pragma("wal_checkpoint(TRUNCATE)");
  db.close();
  const file = openSync(app.paths.store, "r+");
  writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, (page - 1) * 4096);
  closeSync(file);
  const told = await status(app.resolved).then(
    () => "nothing",
    (error: unknown) => errorResult(error).error?.code,
  );
  expect(["nothing", "ERR_STORE_DAMAGED"]).toContain(told);
  const result = await app.deployer.check();
  expect(result).toMatchObject({ outcome: "up-to-date", release: { id: app.ids[1] } });
  expect(result.warnings).toEqual([expect.stringContaining("The run store was damaged")]);
});

it("a damaged store is told by commands that only look, with what to do", async () => {
  await using app = await twoReleases();
  writeFileSync(app.paths.store, GARBAGE);
  const error = await status(app.resolved).catch((thrown: unknown) => thrown);
  expect(errorResult(error)).toMatchObject({ exitCode: 2, error: { code: "ERR_STORE_DAMAGED" } });
});

it.each([
  ["lost", (app: TestDeployer) => rmSync(app.paths.store)],
  ["empty", (app: TestDeployer) => truncateSync(app.paths.store)],
  ["lost with its folder", (app: TestDeployer) => rmSync(app.paths.state, { recursive: true })],
])("a store that is %s while a release is served is not told as nothing", async (_, lose) => {
  await using app = await twoReleases();
  for (const suffix of ["-wal", "-shm"]) rmSync(`${app.paths.store}${suffix}`, { force: true });
  lose(app);
  const { config } = app.resolved;
  for (const look of [() => status(app.resolved), () => releases(config), async () => history(config, 9)]) {
    const error = await look().catch((thrown: unknown) => thrown);
    expect(errorResult(error)).toMatchObject({ exitCode: 2, error: { code: "ERR_STORE_DAMAGED" } });
  }
  expect(await app.deployer.check()).toMatchObject({ outcome: "up-to-date" });
  expect(await status(app.resolved)).toMatchObject({ current: { id: app.ids[1] } });
});

it("a store of a newer version is refused, not set aside", async () => {
  await using app = await twoReleases();
  const db = new Database(app.paths.store);
  db.pragma("user_version = 99");
  db.close();
  expect(await app.deployer.check()).toMatchObject({ exitCode: 2, error: { code: "ERR_STORE_NEWER" } });
  await expect(status(app.resolved)).rejects.toMatchObject({ code: "ERR_STORE_NEWER" });
  expect(readdirSync(app.paths.state).filter((name) => name.includes("damaged"))).toEqual([]);
});
