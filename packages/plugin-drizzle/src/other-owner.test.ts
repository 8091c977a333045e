import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ReleaseInfo } from "@deployer/core";
import { describe, expect, it } from "vitest";
import { inAll, journalStates, leftovers, migratedApp, SKU, states } from "./testing/migrated-app.ts";
import { DATABASES, type TestApp } from "./testing/test-app.ts";
import { lostWrites, startWriters, troubleOf } from "./testing/writers.ts";

const APP_USER = 65_534;
const writer = join(import.meta.dirname, "testing", "writer.ts");
const mayBeAnother =
  process.getuid?.() === 0 && spawnSync("cat", [writer], { uid: APP_USER, gid: APP_USER }).status === 0;

describe.skipIf(!mayBeAnother)(titled("databases of an app that runs as another user, migrated by root"), () => {
  it("stay that user's, log and all, and the app writes on: before, meanwhile, and after a restart", async () => {
    using app = migratedApp();
    const files = DATABASES.map((name) => app.livePath(name));
    giveAway(app, files);
    const options = { rate: 100, uid: APP_USER };
    await using meanwhile = await startWriters(files, options);
    await app.deploy(app.release(inAll(SKU)));
    const written = await meanwhile.stop();
    expect(written.map((each) => [each.errors, lostWrites(each)])).toEqual(Array(3).fill([{}, 0]));

    // Now the deployer is the first to open them, and makes their logs.
    const second = { ...SKU, "0002_more": "CREATE TABLE more (x);" };
    const release = app.release(inAll(second));
    await app.link(release);
    const reader = app.open("core");
    reader.exec("SELECT count(*) FROM users");
    await app.migrate(release);
    expect(owners(app)).toEqual([APP_USER]);
    const before = written.map(({ acknowledged }) => acknowledged);
    const later = await startWriters(files, options);
    const after = await later.stop();
    reader.close();
    expect(after.map(({ errors }) => errors)).toEqual([{}, {}, {}]);
    expect(after.map((each, index) => lostWrites(each) + before[index]!)).toEqual([0, 0, 0]);
  });
});

describe.skipIf(!mayBeAnother)(titled("a deployer that is not root"), () => {
  it.each([
    ["0644", 0o644],
    ["0600", 0o600],
  ])("stops at databases of another owner (mode %s), nothing touched; as theirs it migrates", async (_, mode) => {
    using app = migratedApp();
    const files = DATABASES.map((name) => app.livePath(name));
    await using writers = await startWriters(files, { rate: 50 });
    const release = app.release(inAll(SKU));
    chown(app.root, APP_USER);
    for (const path of files) {
      chown(path, 0);
      chmodSync(path, mode);
    }
    const stopped = deployAs(APP_USER, app, release);
    expect([stopped.status, stopped.stderr]).toEqual([1, expect.stringContaining("ERR_DATABASE_READ_ONLY")]);
    expect([await troubleOf(writers), states(app), journalStates(app)]).toEqual([[], ["old", "old", "old"], []]);
    expect(files.map((path) => [statSync(path).uid, statSync(path).mode & 0o777])).toEqual(Array(3).fill([0, mode]));

    chown(dirname(files[0]!), APP_USER);
    expect(deployAs(APP_USER, app, release)).toMatchObject({ status: 0 });
    expect([states(app), leftovers(app)]).toEqual([["new", "new", "new"], []]);
  });
});

function titled(what: string): string {
  return mayBeAnother ? what : `${what} (skipped: only root can be two users)`;
}

function chown(path: string, user: number): void {
  spawnSync("chown", ["-R", `${user}:${user}`, path]);
}

function deployAs(user: number, app: TestApp, release: ReleaseInfo): ReturnType<typeof spawnSync> {
  writeFileSync(join(app.root, "release.json"), JSON.stringify({ release, env: {} }));
  const child = join(import.meta.dirname, "testing", "run-child.ts");
  return spawnSync(process.execPath, [child, app.root], { uid: user, gid: user, encoding: "utf8" });
}

function giveAway(app: TestApp, files: readonly string[]): void {
  chmodSync(app.root, 0o755);
  for (const path of [dirname(files[0]!), ...files]) chownSync(path, APP_USER, APP_USER);
}

function owners(app: TestApp): number[] {
  const folder = dirname(app.livePath("core"));
  return [...new Set(readdirSync(folder).map((name) => statSync(join(folder, name)).uid))];
}
