import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { inAll, migratedApp, SKU } from "./testing/migrated-app.ts";
import { DATABASES, type TestApp } from "./testing/test-app.ts";
import { lostWrites, startWriters } from "./testing/writers.ts";

const APP_USER = 65_534;
const writer = join(import.meta.dirname, "testing", "writer.ts");
const mayBeAnother =
  process.getuid?.() === 0 && spawnSync("cat", [writer], { uid: APP_USER, gid: APP_USER }).status === 0;

describe.skipIf(!mayBeAnother)("databases of an app that runs as another user, migrated by root", () => {
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

function giveAway(app: TestApp, files: readonly string[]): void {
  chmodSync(app.root, 0o755);
  for (const path of [dirname(files[0]!), ...files]) chownSync(path, APP_USER, APP_USER);
}

function owners(app: TestApp): number[] {
  const folder = dirname(app.livePath("core"));
  return [...new Set(readdirSync(folder).map((name) => statSync(join(folder, name)).uid))];
}
